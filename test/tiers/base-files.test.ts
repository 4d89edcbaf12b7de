import { chmodSync, copyFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  dangerouslyAllowUnrestrictedNetworking,
  dangerouslyAllowWriteExecutable,
  OptionError,
  PlanError,
  type PolicyBuilder,
} from '../../broker/index.js';
import { syscallNumber } from '../../broker/policy/index.js';
import { attempt, HostFolder, launchWith, paths } from '../confinement/support.js';
import { launchGuest } from '../programs/support.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { perform } from '../support/puppet.js';

const BASE = { tier: 'base' } as const;

describe('files that a policy grants, in the tier base', () => {
  leakGate();
  let host: HostFolder;

  beforeEach(() => {
    host = new HostFolder();
  });

  afterEach(() => host.remove());

  async function refusal(builder: PolicyBuilder): Promise<string> {
    const error = await launchWith(builder, BASE).catch((reason: unknown) => reason);
    if (error instanceof OptionError || error instanceof PlanError) return error.message;
    return expect.fail(`${String(error)} refuses nothing by name`);
  }

  it('are opened, and nothing beside them, though names beside them can be seen', async () => {
    const file = host.file('data/file');
    const folder = host.folder('folder');
    host.file('folder/deep/inner', 'inner');
    const beside = host.file('data/beside');
    await using sandboxee = await launchWith(paths.addFile(file).addDirectory(folder), BASE);
    expect(
      await attempt(
        sandboxee,
        ['read', file],
        ['read', join(folder, 'deep/inner')],
        ['list', folder],
        ['read', beside],
        ['list', join(host.path, 'data')],
        ['read', '/etc/passwd'],
        ['write', file, 1],
        ['stat', beside],
      ),
    ).to.deep.equal(['of the host', 'inner', ['deep'], 'EACCES', 'EACCES', 'EACCES', 'EACCES', 'file']);
  });

  it('are written only where the policy says so, and never change their modes', async () => {
    const folder = host.folder('folder');
    host.file('folder/old');
    host.file('folder/a/moved');
    host.folder('folder/b');
    const beside = host.file('beside');
    await using sandboxee = await launchWith(paths.addDirectory(folder, { writable: true }), BASE);
    expect(
      await attempt(
        sandboxee,
        ['write', join(folder, 'new'), 10],
        ['remove', join(folder, 'old')],
        ['rename', join(folder, 'a/moved'), join(folder, 'b/moved')],
        ['mkdir', join(folder, 'c')],
        ['symlink', beside, join(folder, 'link')],
        ['write', join(folder, 'link'), 1],
        ['link', beside, join(folder, 'hard')],
        ['write', beside, 1],
        ['chmod', join(folder, 'new'), 0o777],
      ),
    ).to.deep.equal(['done', 'done', 'done', 'done', 'done', 'EACCES', 'EXDEV', 'EACCES', 'EPERM']);
  });

  it('are not executed where they can be written, unless a token allows it', async () => {
    const folder = host.folder('folder');
    const copy = join(folder, 'program');
    copyFileSync(attackProgram('cases'), copy);
    chmodSync(copy, 0o777);
    const execve = syscallNumber(paths.build().arch, 'execve');
    const policy = paths.allowSyscalls('execve').addDirectory(folder, { writable: true });
    const run = async (builder: PolicyBuilder): Promise<number | 'began'> => {
      await using sandboxee = await launchWith(builder, BASE);
      const tried = perform(
        sandboxee,
        ({ attack }, number, path) => attack.syscall(number, Buffer.from(`${path}\0`), 0, 0),
        execve,
        copy,
      );
      // The other program says nothing, and ends.
      return await tried.catch(() => 'began');
    };
    expect(await run(policy)).to.equal(-constants.errno.EACCES);
    expect(await run(policy.allowWriteExecutable(dangerouslyAllowWriteExecutable))).to.equal('began');
  });

  it('are refused by the name of the word that needs a mount or a namespace', async () => {
    const file = host.file('file');
    const folder = host.folder('folder');
    expect(await refusal(paths.addFileAt(file, '/elsewhere'))).to.include(`addFileAt('${file}', '/elsewhere')`);
    expect(await refusal(paths.addTmpfs('/scratch', 65_536))).to.include("addTmpfs('/scratch', 65536)");
    expect(await refusal(paths.setRootWritable())).to.include('setRootWritable()');
    expect(await refusal(paths.setHostname('other'))).to.include('setHostname()');
    const open = paths.allowUnrestrictedNetworking(dangerouslyAllowUnrestrictedNetworking);
    expect(await refusal(open)).to.include('allowUnrestrictedNetworking()');
    host.file('folder/repo/.git/hooks/post-commit');
    const writable = await refusal(paths.addDirectory(folder, { writable: true }));
    expect(writable).to.include(`${folder} cannot be writable`).and.include('.git');
  });

  it('are those of a program in C just as well', async () => {
    await using guest = await launchGuest(['exit:3'], {}, BASE);
    expect(await guest.result).to.include({ status: 'ok', exitCode: 3 });
  });
});
