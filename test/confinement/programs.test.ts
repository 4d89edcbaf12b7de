import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  dangerouslyAllowWriteExecutable,
  KiB,
  launch,
  PolicyBuilder,
  type ProgramOptions,
  program,
} from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { HostFolder } from './support.js';

/** Everything that can be allowed, so that it is the files that confine. */
const anything = new PolicyBuilder()
  .allowMmap(dangerouslyAllowExecutableMemory)
  .allowMprotect(dangerouslyAllowExecutableMemory)
  .defaultAction(dangerouslyAllowAllSyscalls);

async function output(path: string, builder: PolicyBuilder, options: ProgramOptions): Promise<string> {
  await using sandboxee = await launch(program(path, options), {
    policy: builder.addLibrariesForBinary(path).build(),
    limits: { wallTime: 20_000 },
  });
  let text = '';
  sandboxee.events.on('output', (_stream, chunk) => {
    text += chunk;
  });
  await sandboxee.result;
  return text;
}

function shell(builder: PolicyBuilder, script: string): Promise<string> {
  return output('/bin/sh', builder, { args: ['-c', script] });
}

describe('any program, with the files of its policy', () => {
  leakGate();
  let host: HostFolder;

  beforeEach(() => {
    host = new HostFolder();
  });

  afterEach(() => host.remove());

  it('starts with the libraries that it links, and sees what was granted', async () => {
    host.file('folder/one');
    host.file('folder/two');
    const folder = join(host.path, 'folder');
    expect(await output('/bin/ls', anything.addDirectory(folder), { args: ['-a', folder] })).to.equal(
      '.\n..\none\ntwo\n',
    );
    expect(await output('/bin/ls', anything, { args: ['/etc'] })).to.equal('ld.so.cache\n');
  });

  it('starts where the policy says, or else where the executor says', async () => {
    const folder = host.folder('folder');
    const granted = anything.addDirectory(folder);
    expect(await shell(granted.setWorkingDirectory(folder), 'pwd')).to.equal(`${folder}\n`);
    expect(await output('/bin/sh', granted, { args: ['-c', 'pwd'], cwd: folder })).to.equal(`${folder}\n`);
  });

  it('runs nothing that it has written, unless a token allows it', async () => {
    const folder = host.folder('folder');
    const granted = anything
      // By which name the shell runs what has no `#!` line.
      .addFile('/bin/sh')
      .addFile('/bin/chmod')
      .addLibrariesForBinary('/bin/chmod')
      .addDirectory(folder, { writable: true })
      .addTmpfs('/scratch', 64 * KiB)
      .setRootWritable(64 * KiB);
    const script = [folder, '/scratch', '']
      .map((place) => `echo 'echo it ran' > ${place}/x; /bin/chmod 755 ${place}/x; ${place}/x || :`)
      .join('\n');
    const closed = await shell(granted, `{\n${script}\n} 2>&1`);
    expect(closed).to.not.include('it ran');
    expect(closed.match(/denied/g)).to.have.lengthOf(3);
    expect(existsSync(join(folder, 'x'))).to.equal(true);
    // It is another uid's, where the broker is root.
    rmSync(join(folder, 'x'));
    const token: typeof dangerouslyAllowWriteExecutable = dangerouslyAllowWriteExecutable;
    const open = await shell(granted.allowWriteExecutable(token), `{\n${script}\n} 2>&1`);
    expect(open).to.equal('it ran\n'.repeat(3));
  });

  it('cannot undo by itself what is mounted read-only', async () => {
    const folder = host.folder('folder');
    const kept = host.file('folder/a/kept', 'of the host');
    const granted = anything.addDirectory(folder, { writable: true }).addFile(kept);
    const script = `cd ${folder}; echo x > a/kept; (: > a/kept); echo new > a/new; echo done`;
    expect(await shell(granted, `{ ${script}; } 2>&1`))
      .to.match(/Read-only|denied/)
      .and.include('done');
    expect(existsSync(join(folder, 'a/new'))).to.equal(true);
  });
});
