import { expect } from 'chai';
import {
  bpf,
  dangerouslyAllowExecutableMemory,
  launch,
  linux,
  PolicyBuilder,
  policies,
  program,
  type Result,
  rule,
} from '../../broker/index.js';
import { syscallNumber } from '../../broker/policy/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { demandedTier, isUserInBase } from '../support/tier.js';

const { PROT } = linux;
const { arg } = rule;
const [ENOENT, EINVAL, ENOTTY] = [2, 22, 25];
/** What a static program takes to begin and to end, and nothing else. */
const BARE = new PolicyBuilder().allowStaticStartup().allowExit();
const number = (name: Parameters<typeof syscallNumber>[1]): string => String(syscallNumber(BARE.build().arch, name));

/** test/native/cases.c: 0 where what it was to do went well, else the errno. */
async function run(policy: PolicyBuilder, ...words: string[]): Promise<Result & { readonly text: string }> {
  const executor = program(attackProgram('cases'), { args: words });
  await using sandboxee = await launch(executor, {
    policy: policy.build(),
    limits: { wallTime: 10_000 },
    ...demandedTier,
  });
  let text = '';
  sandboxee.events.on('output', (_stream, chunk) => {
    text += chunk;
  });
  return { ...(await sandboxee.result), text };
}

function expectExit(result: Result, code: number): void {
  expect(result).to.include({ status: 'ok', exitCode: code });
}

function expectViolation(result: Result, syscall: string): void {
  if (result.status !== 'violation' || result.kind !== 'syscall') expect.fail(JSON.stringify(result.status));
  expect(result.syscall.name).to.equal(syscall);
}

describe('what a policy decides of a program', () => {
  leakGate();

  it('is nothing for one that begins and ends', async () => {
    expectExit(await run(BARE, 'nothing'), 0);
    expectViolation(await run(new PolicyBuilder().allowStaticStartup(), 'nothing'), 'exit_group');
  });

  describe('by rules on arguments', () => {
    const toFirst = BARE.addPolicyOnSyscall('write', rule.allowWhen(arg(0).eq(1)));

    it('lets it write to fd 1, and to no other', async () => {
      expectExit(await run(toFirst, 'write', '1'), 0);
      expectViolation(await run(toFirst, 'write', '2'), 'write');
    });

    it('the same in raw BPF', async () => {
      const raw = BARE.addPolicyOnSyscall(
        'write',
        bpf(`
                load arg0.low
                if A == 1 goto out else other
        other:  return USER_NOTIF
        out:    return ALLOW
        `),
      );
      expectExit(await run(raw, 'write', '1'), 0);
      expectViolation(await run(raw, 'write', '2'), 'write');
    });

    it('lets it protect one page with exactly READ and WRITE', async () => {
      const exactly = BARE.allowSystemMalloc().addPolicyOnSyscall(
        'mprotect',
        rule.allowWhen(rule.all(arg(1).eq(4096), arg(2).eq(PROT.PROT_READ | PROT.PROT_WRITE))),
      );
      expectExit(await run(exactly, 'protect', String(PROT.PROT_READ | PROT.PROT_WRITE)), 0);
      expectViolation(await run(exactly, 'protect', '0'), 'mprotect');
    });

    it('answers open with ENOENT', async () => {
      expectExit(await run(BARE.blockSyscallsWithErrno(['open', 'openat'], 'ENOENT'), 'open'), ENOENT);
    });

    it('answers each of several syscalls with an errno of its own, and ends at another', async () => {
      const several = BARE.addPolicyOnSyscalls(
        ['getpgrp', 'getppid', 'umask'],
        rule.when(arg(0).eq(1), rule.errno(42)).when(arg(0).eq(2), rule.errno(43)).otherwise(rule.violation()),
      );
      expectExit(await run(several, 'syscall', number('getppid'), '1'), 42);
      expectExit(await run(several, 'syscall', number('getppid'), '2'), 43);
      expectViolation(await run(several, 'umask'), 'umask');
    });

    it('asks the rules of the author before what a start is only answered', async () => {
      const readlink = number('readlink');
      expectExit(await run(BARE, 'syscall', readlink), ENOENT);
      expectExit(await run(BARE.blockSyscallWithErrno('readlink', 'EINVAL'), 'syscall', readlink), EINVAL);
    });
  });

  describe('by its words', () => {
    it('allowSystemMalloc is all of malloc, calloc, realloc and free, up to 32 MiB', async () => {
      expectExit(await run(BARE.allowSystemMalloc(), 'malloc'), 0);
      expectViolation(await run(BARE, 'malloc'), 'mmap');
    });

    it('allowTCGETS answers isatty, and sets nothing', async () => {
      expectExit(await run(BARE.allowTCGETS(), 'isatty'), ENOTTY);
      expectViolation(await run(BARE, 'isatty'), 'ioctl');
      expectViolation(await run(BARE.allowTCGETS(), 'set-attributes'), 'ioctl');
    });

    it('allowPosixTimers has timers that do nothing, signal the process, or a thread', async () => {
      const timers = BARE.allowPosixTimers().allowHandleSignals().allowSyscalls('rt_sigtimedwait', 'gettid', 'getpid');
      for (const [how, notify] of [
        ['SIGEV_SIGNAL', 0],
        ['SIGEV_NONE', 1],
        ['SIGEV_THREAD_ID', 4],
      ] as const)
        expect(await run(timers, 'timer', String(notify)), how).to.include({ status: 'ok', exitCode: 0 });
    });

    it('allowPosixTimers has none that start a thread, unless threads are allowed', async () => {
      const timers = BARE.allowPosixTimers().allowHandleSignals().allowSystemMalloc().allowPipe().allowRead();
      expectViolation(await run(timers.allowMprotectWithoutExec().allowSyscalls('gettid'), 'thread-timer'), 'clone');
      const withThreads = timers
        .allowThreads()
        .allowWrite()
        .allowMprotectWithoutExec()
        .allowMmapWithoutExec()
        .allowSyscalls('gettid', 'getpid', 'rt_sigtimedwait', 'madvise');
      expectExit(await run(withThreads, 'thread-timer'), 0);
    });

    it('allowGetIDs shows the ids that it has, which are none of the host’s', async () => {
      const { text } = await run(
        BARE.allowGetIDs().allowWrite().allowSyscalls('fstat', 'newfstatat').allowSystemMalloc(),
        'ids',
      );
      const [uid, gid] = text.trim().split(' ').map(Number);
      if (process.getuid?.() === 0) expect(uid).to.be.at.least(1_000_000).and.equal(gid);
      else if (isUserInBase) expect([uid, gid]).to.deep.equal([process.getuid?.(), process.getgid?.()]);
      else expect([uid, gid]).to.deep.equal([1000, 1000]);
    });
  });

  describe('of executable memory', () => {
    const { PROT_READ, PROT_WRITE, PROT_EXEC } = PROT;
    const all = String(PROT_READ | PROT_WRITE | PROT_EXEC);
    const without = BARE.allowMmapWithoutExec().allowMprotectWithoutExec();
    const allowed = BARE.allowMmap(dangerouslyAllowExecutableMemory).allowMprotect(dangerouslyAllowExecutableMemory);

    it('is that there is none without the token', async () => {
      expectViolation(await run(without, 'map', all), 'mmap');
      expectViolation(await run(without, 'protect', all), 'mprotect');
      expectViolation(await run(policies.staticBinary(), 'map', String(PROT_READ | PROT_EXEC)), 'mmap');
    });

    it('is that there is some with it', async () => {
      expectExit(await run(allowed, 'map', all), 0);
      expectExit(await run(allowed, 'protect', all), 0);
    });
  });
});
