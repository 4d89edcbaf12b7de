import { expect } from 'chai';
import { simulate, verdict } from '../../broker/policy/bpf/simulator.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { policies } from '../../broker/policy/presets.js';
import { REFUSALS, whyRefusedAltogether } from '../../broker/policy/refused.js';
import { launcherProgram, stage0Program } from '../../broker/policy/stages.js';
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_X86_64,
  type SyscallName,
  syscallTable,
} from '../../broker/policy/syscalls/index.js';
import { ALLOW, ask, errnoVerdict, KILL, NOTIFY, X64 } from './filters.js';

const ENOSYS = errnoVerdict(38);

/** Refused whatever the policy says, each with arguments that show it. */
const ALWAYS: readonly (readonly [SyscallName, ...(number | bigint)[]])[] = [
  ['ptrace', 16],
  ['process_vm_readv'],
  ['process_vm_writev'],
  ['bpf'],
  ['userfaultfd'],
  ['perf_event_open'],
  ['add_key'],
  ['request_key'],
  ['keyctl'],
  ['unshare', 0x10000000],
  ['setns'],
  ['clone', 0x20000],
  ['clone', 0x02000000],
  ['clone', 0x04000000],
  ['clone', 0x08000000],
  ['clone', 0x10000000],
  ['clone', 0x20000000],
  ['clone', 0x40000000],
  ['clone', 0x3d0f00 | 0x10000000],
  ['mount'],
  ['umount2'],
  ['pivot_root'],
  ['chroot'],
  ['fsopen'],
  ['open_tree'],
  ['move_mount'],
  ['mount_setattr'],
  ['open_by_handle_at'],
  ['name_to_handle_at'],
  ['pidfd_getfd'],
  ['kcmp'],
  ['memfd_secret'],
  ['personality', 0x0400000],
  ['prctl', 4, 0],
  ['prctl', 4, 1],
  ['prctl', 35],
  ['prctl', 22, 2],
  ['prctl', 0x59616d61],
  ['prctl', 0x1_0000_0004n],
  ['arch_prctl', 0x2003],
  ['ioctl', 0, 0x5412],
  ['ioctl', 0, 0x1_0000_5412n],
  ['ioctl', 0, 0x541c],
  ['ioctl', 0, 0x5452],
  ['ioctl', 3, 0x8901],
  ['ioctl', 3, 0x8902],
  ['fcntl', 3, 8],
  ['fcntl', 3, 10],
  ['fcntl', 3, 15],
  ['fcntl', 3, 1024],
  ['fcntl', 3, 1026],
  ['fcntl', 3, 4, 0x2000],
  ['fcntl', 3, 4, 0x2802],
  ['fcntl', 3, 0x1_0000_0008n],
  ['socket', 40, 1, 0],
  ['socket', 17, 3, 0],
  ['socket', 38, 5, 0],
  ['socket', 44, 3, 0],
  ['socketpair', 30, 1],
];

/** Refused from the gate on. */
const AFTER_GATE: readonly (readonly [SyscallName, ...(number | bigint)[]])[] = [
  ['seccomp', 1, 8],
  ['seccomp', 0],
  ['prctl', 1, 0],
  ['socket', 16, 3, 0],
  ['prlimit64', 1, 0, 0],
  ['close', 3],
  ['close', 0x1_0000_0003n],
  ['dup2', 5, 3],
  ['dup3', 5, 3],
  ['close_range', 0, 0xffffffff],
  ['close_range', 3, 3],
  ['close_range', 1, 3],
];

const HARMLESS: readonly (readonly [SyscallName, ...(number | bigint)[]])[] = [
  ['clone', 0x3d0f00],
  ['clone', 0x1200011],
  ['prctl', 15],
  ['prctl', 38],
  ['ioctl', 0, 0x5401],
  ['fcntl', 3, 4, 0x800],
  ['fcntl', 3, 1030],
  ['personality', 0xffffffff],
  ['personality', 0],
  ['socket', 1, 1, 0],
  ['socket', 2, 1, 0],
  ['socket', 10, 2, 0],
  ['socketpair', 1, 1],
  ['close', 4],
  ['dup2', 3, 5],
  ['close_range', 4, 0xffffffff],
  ['close_range', 0, 2],
  ['arch_prctl', 0x1002],
  ['execve'],
  ['openat'],
  ['kill', 1, 9],
];

const HIDDEN: readonly SyscallName[] = ['io_uring_setup', 'io_uring_enter', 'io_uring_register', 'clone3', 'openat2'];

/** The widest policy that a builder makes. */
const widest = new PolicyBuilder({ name: 'widest', arch: X64 })
  .allowSyscalls(...[...syscallTable(X64).names()].filter((name) => whyRefusedAltogether(name) === undefined))
  .build()
  .compile().program;

const title = ([name, ...args]: readonly [SyscallName, ...(number | bigint)[]]): string =>
  `${name}(${args.map((value) => `0x${value.toString(16)}`).join(', ')})`;

describe('what every policy refuses', () => {
  it('has a reason for each, and names that exist', () => {
    for (const { syscalls, why } of REFUSALS) {
      expect(why).to.match(/\w{3}/);
      const known = syscalls.filter((name) =>
        [AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64].some(
          (arch) => syscallTable(arch as typeof X64).number(name) !== undefined,
        ),
      );
      expect(known).to.deep.equal(syscalls);
    }
  });

  it('cannot be allowed by a builder', () => {
    const names = [...syscallTable(X64).names()].filter((name) => whyRefusedAltogether(name) !== undefined);
    expect(names).to.include.members(['ptrace', 'bpf', 'mount', 'io_uring_setup', 'clone3', 'seccomp', 'keyctl']);
    for (const name of names)
      expect(() => new PolicyBuilder({ arch: X64 }).allowSyscall(name).build(), name).to.throw(name);
  });

  for (const call of [...ALWAYS, ...AFTER_GATE]) {
    it(`${title(call)} under the widest policy`, () => {
      const [name, ...args] = call;
      expect(ask(widest, name, args)).to.deep.equal(NOTIFY);
      expect(ask(policies.node({ arch: X64 }).build().compile().program, name, args)).to.deep.equal(NOTIFY);
    });
  }

  it('leaves the harmless uses of the same syscalls to the policy', () => {
    for (const [name, ...args] of HARMLESS)
      expect(ask(widest, name, args), title([name, ...args])).to.deep.equal(ALLOW);
  });

  it('answers ENOSYS where the arguments lie behind a pointer or on a ring', () => {
    for (const name of HIDDEN) expect(ask(widest, name), name).to.deep.equal(ENOSYS);
  });
});

describe('stage 0', () => {
  const program = stage0Program(X64);

  it('is small', () => {
    expect(program.length / 8).to.be.lessThan(200);
  });

  it('answers ENOSYS to io_uring, clone3 and openat2', () => {
    for (const name of HIDDEN) expect(ask(program, name), name).to.deep.equal(ENOSYS);
  });

  it('notifies for the rest, which is ENOSYS while nobody listens', () => {
    for (const [name, ...args] of ALWAYS)
      expect(ask(program, name, args), title([name, ...args])).to.deep.equal(NOTIFY);
    expect(verdict(program, { number: 1, architecture: 0x40000003 })).to.deep.equal(NOTIFY);
    expect(verdict(program, { number: 0x40000001, architecture: X64 })).to.deep.equal(NOTIFY);
  });

  it('allows trusted start-up everything else, seccomp and netlink included', () => {
    for (const [name, ...args] of [...HARMLESS, ...AFTER_GATE]) {
      expect(ask(program, name, args), title([name, ...args])).to.deep.equal(ALLOW);
    }
  });

  it('answers ENOSYS to syscalls that it does not know', () => {
    expect(verdict(program, { number: 470, architecture: X64 })).to.deep.equal(ENOSYS);
  });

  it('is cached by the kernel for what Node calls all the time', () => {
    for (const name of ['read', 'write', 'epoll_pwait', 'futex', 'mmap', 'openat', 'recvmsg'] as const) {
      const run = simulate(program, { number: syscallTable(X64).number(name) ?? -1, architecture: X64 });
      expect(run.readArguments, name).to.equal(false);
    }
  });

  it('never allows what the late filter of the widest policy refuses by number alone', () => {
    for (const name of syscallTable(X64).names()) {
      if (whyRefusedAltogether(name) === undefined || name === 'seccomp') continue;
      expect(ask(program, name).kind, name).to.not.equal('allow');
    }
  });

  it('exists for arm64 too, with the numbers of arm64', () => {
    const arm = stage0Program(AUDIT_ARCH_AARCH64);
    expect(ask(arm, 'ptrace', [], AUDIT_ARCH_AARCH64)).to.deep.equal(NOTIFY);
    expect(ask(arm, 'openat', [], AUDIT_ARCH_AARCH64)).to.deep.equal(ALLOW);
    expect(verdict(arm, { number: 0, architecture: X64 })).to.deep.equal(NOTIFY);
  });
});

describe('the filter of the launcher', () => {
  const program = launcherProgram(X64);

  it('allows what it takes to wait, reap, report, kill and exit', () => {
    const needed: SyscallName[] = [
      'poll',
      'ppoll',
      'read',
      'write',
      'sendmsg',
      'wait4',
      'waitid',
      'kill',
      'close',
      'exit_group',
    ];
    for (const name of needed) expect(ask(program, name), name).to.deep.equal(ALLOW);
  });

  it('kills for everything else', () => {
    const others: SyscallName[] = [
      'openat',
      'execve',
      'clone',
      'fork',
      'mmap',
      'mprotect',
      'ptrace',
      'socket',
      'prctl',
      'ioctl',
      'clone3',
    ];
    for (const name of others) expect(ask(program, name), name).to.deep.equal(KILL);
    expect(verdict(program, { number: 5000, architecture: X64 })).to.deep.equal(KILL);
    expect(verdict(program, { number: 4, architecture: 0x40000003 })).to.deep.equal(KILL);
  });
});
