import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  Fd,
  fromFd,
  type Limits,
  launch,
  type Policy,
  PolicyBuilder,
  type ProgramOptions,
  type Sandboxee,
} from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { launchIntruder, violationOf } from './support.js';

/** All but what every policy refuses: the kernel resolves paths, and processes may be started. */
let anything: Policy;

async function intrude(
  words: readonly string[],
  limits: Limits = {},
  executor: ProgramOptions = {},
): Promise<Sandboxee> {
  return launchIntruder(words, { policy: anything, limits }, executor);
}

/** 0: every attempt was refused. */
async function expectRefused(sandboxee: Sandboxee): Promise<void> {
  const result = await sandboxee.result;
  expect(result, result.stderr).to.include({ status: 'ok', exitCode: 0 });
}

async function expectViolation(sandboxee: Sandboxee, name: string): Promise<void> {
  const result = await violationOf(sandboxee);
  expect(result).to.have.nested.property('syscall.name', name);
}

async function expectProtocolViolation(sandboxee: Sandboxee): Promise<void> {
  expect(await violationOf(sandboxee)).to.include({ kind: 'protocol' });
}

describe('a hostile program that every syscall is allowed to but what no policy allows', () => {
  leakGate();
  let folder: string;

  before(() => {
    anything = new PolicyBuilder()
      .allowDynamicStartup(dangerouslyAllowExecutableMemory)
      .allowMmap(dangerouslyAllowExecutableMemory)
      .allowMprotect(dangerouslyAllowExecutableMemory)
      .defaultAction(dangerouslyAllowAllSyscalls)
      .build();
    folder = mkdtempSync(join(tmpdir(), 'sallyport-attacks-'));
    chmodSync(folder, 0o755);
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A file that everybody may write, as far as its mode says. */
  function writable(name: string, from: string): string {
    const path = join(folder, name);
    copyFileSync(from, path);
    chmodSync(path, 0o777);
    return path;
  }

  it('finds nothing through /proc: neither pid 1 nor the host, and nothing to write', async () => {
    await using sandboxee = await intrude(['proc']);
    await expectRefused(sandboxee);
  });

  it('does not open again for writing what it was given for reading, nor the file that it is', async () => {
    const input = writable('input', '/etc/hostname');
    const before = readFileSync(input);
    await using given = await intrude(['again', '9', 'exe'], {}, { fds: { 9: Fd.open(input) } });
    await expectRefused(given);
    const self = writable('self', attackProgram('intruder'));
    await using sandboxee = await launch(fromFd(Fd.open(self), { args: ['again', 'exe'] }), { policy: anything });
    await expectRefused(sandboxee);
    expect(readFileSync(input)).to.deep.equal(before);
    expect(readFileSync(self)).to.deep.equal(readFileSync(attackProgram('intruder')));
  });

  it('raises none of its limits', async () => {
    await using sandboxee = await intrude(['limits'], { fileSize: 1 << 20, cpuTime: 60_000 });
    await expectRefused(sandboxee);
  });

  it('sends every signal to pid 1, which gets none', async () => {
    await using sandboxee = await intrude(['signals']);
    await expectRefused(sandboxee);
  });

  it('crashes, and leaves no core', async () => {
    await using sandboxee = await intrude(['crash']);
    expect(await sandboxee.result).to.include({ status: 'signaled', signal: 'SIGSEGV' });
  });

  it('reaches for the 32-bit door', async function () {
    if (process.arch !== 'x64') this.skip();
    await using sandboxee = await intrude(['int80', '20']);
    const result = await violationOf(sandboxee);
    expect(result).to.include({ kind: 'architecture' }).and.have.nested.property('syscall.architecture', 'i386');
  });

  it('breaks the policy in 64 threads at once: one violation, and nothing is left', async () => {
    await using sandboxee = await intrude(['threads', '64'], { processes: 80 });
    await expectViolation(sandboxee, 'ptrace');
  });

  it('breaks the policy in 400 children at once: one violation, and nothing is left', async () => {
    await using sandboxee = await intrude(['children', '400'], { processes: 450 });
    await expectViolation(sandboxee, 'ptrace');
  });

  it('breaks the policy in the child of a vfork, while its parent cannot be stopped', async () => {
    await using sandboxee = await intrude(['vfork']);
    await expectViolation(sandboxee, 'ptrace');
  });

  it('breaks the policy in a child that dies of it before the monitor can look at it', async () => {
    for (const spin of [0, 1_000, 10_000, 50_000, 100_000, 200_000]) {
      await using sandboxee = await intrude(['dying', String(spin)], { wallTime: 300 });
      const result = await sandboxee.result;
      // Killed before the monitor knew, the call was never made.
      expect(result.status).to.be.oneOf(['violation', 'timeout']);
    }
  });

  it('stops itself and all its children: its wall time ends all of them', async () => {
    await using sandboxee = await intrude(['stop', '20'], { wallTime: 500 });
    expect(await sandboxee.result).to.include({ status: 'timeout' });
  });

  it('writes to comms from two processes, byte by byte', async () => {
    await using sandboxee = await intrude(['interleave']);
    await expectProtocolViolation(sandboxee);
  });

  const O_PATH = 0o10000000;
  for (const [what, words] of [
    ['a directory', ['folder', '0']],
    ['an O_PATH directory', ['folder', String(O_PATH)]],
    ['2 fds with a message that takes one', ['fds', '1', '1', '2']],
    ['253 fds with a message that takes one', ['fds', '1', '1', '253']],
    ['an fd with a message that takes none', ['fds', '0', '1', '1']],
    ['253 fds with a message that takes none', ['fds', '0', '1', '253']],
    ['the channel through itself', ['fds', '1', '3', '1']],
  ] as const) {
    it(`sends ${what}: it ends, or whoever receives is told, and the fds are closed`, async () => {
      await using sandboxee = await intrude(words, { wallTime: 5_000, openFiles: 512 });
      const received = await sandboxee.comms.recvFd({ kind: 'file' }).then(
        (fd) => {
          fd.close();
          return 'received';
        },
        () => 'refused',
      );
      expect(received).to.equal('refused');
    });
  }

  it('breaks the policy in one thread while another floods the channel: nothing more is received from it', async () => {
    await using sandboxee = await intrude(['flood']);
    let afterwards = 0;
    let violated = false;
    sandboxee.events.once('violation', () => {
      violated = true;
    });
    for (;;) {
      const number = await sandboxee.comms.recvInt32().catch(() => undefined);
      if (number === undefined) break;
      if (violated) afterwards += 1;
    }
    await expectViolation(sandboxee, 'ptrace');
    // What was in the socket, 208 KiB, and in the inbox of the channel.
    expect(afterwards * 16).to.be.below(2 << 20);
  });
});
