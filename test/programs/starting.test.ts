import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  Fd,
  fromFd,
  LaunchError,
  launch,
  memoryFile,
  node,
  OptionError,
  PolicyBuilder,
  type ProgramExecutor,
  policies,
  program,
  type Result,
  rule,
} from '../../broker/index.js';
import { syscallNumber } from '../../broker/policy/index.js';
import * as native from '../../native/broker.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { demandedTier, needsNamespaces, tierUnderTest } from '../support/tier.js';
import { launchGuest, STATIC_POLICY } from './support.js';

const LIBRARIES = ['/lib', '/lib64', '/usr/lib'];
/** For programs that a test knows nothing of. */
const ANYTHING = new PolicyBuilder()
  .allowMmap(dangerouslyAllowExecutableMemory)
  .allowMprotect(dangerouslyAllowExecutableMemory)
  .defaultAction(dangerouslyAllowAllSyscalls)
  .build();
const limits = { wallTime: 20_000 };
/** What is there and was not granted cannot be opened; in a root of its own it is not there. */
const UNSEEN = tierUnderTest === 'full' ? 'ENOENT' : 'EACCES';

async function output(executor: ProgramExecutor, policy = ANYTHING): Promise<{ text: string; result: Result }> {
  await using sandboxee = await launch(executor, { policy, limits, ...demandedTier });
  let text = '';
  sandboxee.events.on('output', (_stream, chunk) => {
    // What is shown has its tabs escaped.
    text += chunk.replaceAll('\\t', '\t');
  });
  return { result: await sandboxee.result, text };
}

async function failure(executor: ProgramExecutor, policy = ANYTHING): Promise<LaunchError> {
  const error = await launch(executor, { policy, limits, ...demandedTier }).catch((reason: unknown) => reason);
  if (error instanceof LaunchError) return error;
  return expect.fail(`${String(error)} is no LaunchError`);
}

describe('a program that is filtered from its first instruction', () => {
  leakGate();

  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-starting-'));
    chmodSync(folder, 0o755);
  });
  after(() => rmSync(folder, { recursive: true }));

  function script(text: string): string {
    const path = join(folder, 'script');
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    return path;
  }

  it('runs under the tightest policy that it needs, and says how it ended', async () => {
    await using guest = await launchGuest(['exit:7']);
    expect(await guest.result).to.include({ status: 'ok', exitCode: 7 });
  });

  it('has one filter, no_new_privs and no capability when it begins', async function () {
    needsNamespaces(this, 'it may not look into /proc');
    const { text } = await output(program('/bin/cat', { args: ['/proc/self/status'], read: LIBRARIES }));
    const own = Number(/Seccomp_filters:\t(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
    expect(text)
      .to.match(/^NoNewPrivs:\t1$/m)
      .and.match(/^Seccomp:\t2$/m);
    expect(text)
      .to.include(`Seccomp_filters:\t${own + 1}`)
      .and.match(/^CapBnd:\t0+$/m);
  });

  it('is killed for its first syscall where that is not allowed', async () => {
    const nothing = new PolicyBuilder().build();
    await using guest = await launchGuest(['exit:0'], {}, { policy: nothing });
    const result = await guest.result;
    expect(result).to.deep.include({ status: 'violation', kind: 'syscall' });
    if (result.status === 'violation' && result.kind === 'syscall') expect(result.syscall.name).to.equal('brk');
  });

  it('gets argv[0], arguments, an empty environment but for what is named, and a place to start in', async () => {
    const policy = policies.staticBinary().allowSyscalls('getcwd').build();
    await using guest = await launchGuest(['argv0', 'cwd'], { argv0: 'somebody', cwd: '/dev' }, { policy });
    expect(await guest.comms.recvString()).to.equal('somebody');
    expect(await guest.comms.recvString()).to.equal('/dev\0'.slice(0, 4));
    const { text } = await output(program('/usr/bin/env', { read: LIBRARIES, env: { COLOUR: 'green' } }));
    expect(text).to.equal('COLOUR=green\n');
  });

  it('is run by the interpreter that its first line names, with one argument', async () => {
    const path = script('#! /bin/sh -e  \necho "$0 $1"; false; echo not reached\n');
    const executor = program(path, { args: ['one'], read: ['/bin/sh', ...LIBRARIES] });
    const { text, result } = await output(executor);
    expect(text).to.equal(`${path} one\n`);
    expect(result).to.include({ status: 'ok', exitCode: 1 });
  });

  it('fails with a name where its interpreter cannot be seen', async () => {
    const error = await failure(program(script('#!/bin/sh\n'), { read: LIBRARIES }));
    expect(error.result).to.include({ status: 'setup-error', step: 'launcher:runFiltered', errno: UNSEEN });
    expect(error.message).to.include('/bin/sh');
  });

  it('fails with a name where its loader cannot be seen, or it is no program', async () => {
    expect((await failure(program('/bin/cat'))).result).to.include({ step: 'launcher:runFiltered', errno: UNSEEN });
    const text = await failure(program(script('neither ELF nor script')));
    expect(text.result).to.include({ step: 'launcher:runFiltered', errno: 'ENOEXEC' });
    expect(text.message).to.match(/; .*(ELF|script)/);
  });

  it('fails with a name where it may not be executed', async () => {
    const path = script('#!/bin/sh\n');
    chmodSync(path, 0o644);
    const copy = join(folder, 'not-executable');
    writeFileSync(copy, readFileSync(attackProgram('guest')));
    chmodSync(copy, 0o644);
    expect((await failure(program(copy), STATIC_POLICY)).result).to.include({ errno: 'EACCES' });
  });

  it('is found through a symlink', async () => {
    const link = join(folder, 'link');
    symlinkSync(attackProgram('guest'), link);
    await using guest = await launch(program(link, { args: ['argv0'] }), {
      policy: STATIC_POLICY,
      limits,
      ...demandedTier,
    });
    expect(await guest.comms.recvString()).to.equal(link);
  });

  describe('from an fd', () => {
    const guestFile = (): Fd => Fd.adopt(openSync(attackProgram('guest'), 'r'));

    it('runs a file that it cannot see, whose fd is not open inside', async () => {
      const executor = fromFd(guestFile(), { args: ['numbers'], argv0: 'a guest' });
      await using guest = await launch(executor, { policy: STATIC_POLICY, limits, ...demandedTier });
      expect(await guest.comms.recvString()).to.equal('0 1 2 3 ');
    });

    it('runs a memfd that the broker made', async () => {
      const bytes = readFileSync(attackProgram('guest'));
      await using guest = await launch(fromFd(memoryFile(bytes, { executable: true }), { args: ['exit:9'] }), {
        policy: STATIC_POLICY,
        limits,
      });
      expect(await guest.result).to.include({ status: 'ok', exitCode: 9 });
    });

    it('moves the fd, also when nothing comes of the launch', async () => {
      const fd = guestFile();
      const error = await launch(fromFd(fd), { policy: STATIC_POLICY, limits: { memory: -1 } }).catch(String);
      expect(error).to.include('limits.memory');
      expect(() => fd.number).to.throw();
    });

    it('refuses what cannot be executed', () => {
      const [read, write] = native.pipe();
      closeSync(write);
      using pipe = Fd.adopt(read);
      expect(() => fromFd(pipe)).to.throw(OptionError, 'a pipe cannot be executed');
    });
  });

  describe('begins by the one exec that is admitted', () => {
    it('and cannot have another like it', async () => {
      await using guest = await launchGuest(['again']);
      const result = await guest.result;
      expect(result).to.deep.include({ status: 'violation', kind: 'syscall' });
      if (result.status === 'violation' && result.kind === 'syscall') expect(result.syscall.name).to.equal('execveat');
    });

    it('and every other is for the policy to answer', async () => {
      const { arch } = STATIC_POLICY;
      const execveat = syscallNumber(arch, 'execveat');
      const policy = policies.staticBinary().addPolicyOnSyscall('execveat', rule.errno(1)).build();
      await using refused = await launchGuest([`syscall:${execveat}`], {}, { policy });
      expect(await refused.comms.recvInt32()).to.equal(1);
      await using guest = await launchGuest([`syscall:${execveat}`]);
      expect(await guest.result).to.deep.include({ status: 'violation', kind: 'syscall' });
    });

    it('and the processes that it starts are under the same filter', async function () {
      needsNamespaces(this, 'they may not look into /proc');
      const shell = program('/bin/sh', {
        args: ['-c', '(/bin/cat /proc/self/status | /bin/grep Seccomp_filters); /bin/false; echo $?; /bin/nothing'],
        read: ['/bin', '/usr/bin', ...LIBRARIES],
      });
      const own = Number(/Seccomp_filters:\t(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
      const { text } = await output(shell);
      expect(text)
        .to.include(`Seccomp_filters:\t${own + 1}\n1\n`)
        .and.include('/bin/nothing: not found');
    });
  });

  it('takes the tree with it when it ends', async () => {
    const shell = program('/bin/sh', {
      args: ['-c', 'sleep 1000 & sleep 1000 & exec true'],
      env: { PATH: '/bin' },
      read: ['/bin', '/usr/bin', ...LIBRARIES],
    });
    expect((await output(shell)).result).to.include({ status: 'ok', exitCode: 0 });
  });

  it('is refused before anything starts where an option cannot be', () => {
    expect(() => program('bin/true')).to.throw(OptionError, 'not an absolute path');
    expect(() => program('/nowhere')).to.throw(OptionError, 'does not exist');
    expect(() => program('/usr')).to.throw(OptionError, 'not a file');
    expect(() => program('/bin/true', { cwd: 'here' })).to.throw(OptionError, 'cwd');
    expect(() => program('/bin/true', { argv0: 'a\0b' })).to.throw(OptionError, 'NUL');
    expect(() => program('/bin/true', { execPath: '/usr/bin/node' } as object)).to.throw(OptionError, 'no such option');
    expect(() => node('/etc/hostname', { cwd: '/' } as object)).to.throw(OptionError, 'no such option');
  });
});
