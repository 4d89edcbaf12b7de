import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { KiB, launch, node } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet } from '../support/puppet.js';
import { onlyWithNamespaces } from '../support/tier.js';
import { attempt, HostFolder, launchWith, paths, refusalOf } from './support.js';

const CANNOT_WRITE = ['EROFS', 'EACCES', 'EPERM'];

describe('what a policy grants and what the program needs', () => {
  leakGate();
  onlyWithNamespaces('mounts show these files; test/tiers/base-files.test.ts has what Landlock does');
  let host: HostFolder;

  beforeEach(() => {
    host = new HostFolder();
  });

  afterEach(() => host.remove());

  it('cannot be different things at one place', async () => {
    const file = host.file('file');
    expect(await refusalOf(paths.addFileAt(file, '/dev/zero'))).to.include('is to show both /dev/zero and');
    expect(await refusalOf(paths.addDirectoryAt(host.path, '/dev'))).to.include('has to be a file');
    expect(await refusalOf(paths.addDirectoryAt(host.path, '/dev/null'))).to.include('is to show both');
  });

  it('may be the same, and is then shown once', async () => {
    const folder = dirname(process.execPath);
    await using sandboxee = await launchWith(paths.addDirectory(folder).addFile('/dev/null').addFile(process.execPath));
    expect(await attempt(sandboxee, ['stat', process.execPath], ['write', '/dev/null', 1])).to.deep.equal([
      'file',
      'done',
    ]);
  });

  it('may take the place of what the program would hide', async () => {
    const folder = host.folder('app');
    host.file('app/lib/.env', 'secret');
    const sdk = new URL('../../sandboxee-sdk/index.js', import.meta.url).href;
    const look = join(folder, 'look.mjs');
    copyFileSync(new URL('../attacks/fixtures/look.js', import.meta.url), look);
    const asked = [join(folder, 'lib'), join(folder, 'lib/.env')];
    const found = async (builder: typeof paths): Promise<unknown> => {
      await using sandboxee = await launch(node(look, { args: [sdk, ...asked] }), { policy: builder.build() });
      return await sandboxee.comms.recvValue();
    };
    expect(await found(paths)).to.deep.equal({ [asked[0] ?? '']: ['.env'], [asked[1] ?? '']: '' });
    const covered = paths.addTmpfs(join(folder, 'lib'), 64 * KiB);
    expect(await found(covered)).to.deep.equal({ [asked[0] ?? '']: [], [asked[1] ?? '']: 'ENOENT' });
  });

  it('is not writable where the executor says that it is read', async () => {
    const folder = host.folder('folder');
    const policy = paths.addDirectory(folder, { writable: true }).build();
    const refused = await launchPuppet({ policy, node: { read: [folder] } }).then(
      () => 'launched',
      (error: unknown) => String(error),
    );
    expect(refused).to.include(`${folder} cannot be writable: it is shown read-only as a part of the program`);
  });
});

describe('memory to write to', () => {
  leakGate();
  onlyWithNamespaces('mounts show these files; test/tiers/base-files.test.ts has what Landlock does');

  it('is empty at first, holds what its size says, and runs nothing', async () => {
    await using sandboxee = await launchWith(paths.addTmpfs('/scratch', 64 * KiB));
    expect(
      await attempt(
        sandboxee,
        ['list', '/scratch'],
        ['write', '/scratch/a', 32 * KiB],
        ['write', '/scratch/b', 64 * KiB],
        ['remove', '/scratch/b'],
        ['write', '/scratch/c', 16 * KiB],
      ),
    ).to.deep.equal([[], 'done', 'ENOSPC', 'done', 'done']);
  });

  it('is the root only where the policy says so', async () => {
    await using locked = await launchWith(paths);
    for (const answer of await attempt(locked, ['write', '/new', 1], ['mkdir', '/new'])) {
      expect(CANNOT_WRITE).to.include(answer);
    }
    await using open = await launchWith(paths.setRootWritable(64 * KiB));
    const answers = await attempt(
      open,
      ['write', '/new', 16 * KiB],
      ['mkdir', '/folder'],
      ['write', '/folder/a', 1],
      ['write', process.execPath, 1],
      ['write', '/large', 4 * 1024 * KiB],
    );
    expect(answers.slice(0, 3)).to.deep.equal(['done', 'done', 'done']);
    expect([...CANNOT_WRITE, 'ETXTBSY']).to.include(answers[3]);
    expect(answers[4]).to.equal('ENOSPC');
  });

  it('cannot be put where the program’s own files are', async () => {
    expect(await refusalOf(paths.addTmpfs('/dev/null', 64 * KiB))).to.include('the program needs what is there');
  });
});
