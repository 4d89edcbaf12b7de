import { expect } from 'chai';
import { simulate, verdict } from '../../broker/policy/bpf/simulator.js';
import { PolicyError } from '../../broker/policy/errors.js';
import { harmlessNodePaths } from '../../broker/policy/node-probes.js';
import { ABORT, BASE, CHANNEL, JIT, JITLESS, PATHS, THREADS } from '../../broker/policy/preset-tables.js';
import { policies } from '../../broker/policy/presets.js';
import { AUDIT_ARCH_AARCH64, type SyscallName, syscallTable } from '../../broker/policy/syscalls/index.js';
import { ALLOW, ask, errnoVerdict, NOTIFY, X64 } from './filters.js';

type Call = readonly [SyscallName, ...(number | bigint)[]];

const node = policies.node({ arch: X64 }).build();
const compiled = node.compile();
const say = ([name, ...args]: Call) => ask(compiled.program, name, args);
const title = ([name, ...args]: Call): string =>
  `${name}(${args.map((value) => `0x${value.toString(16)}`).join(', ')})`;

const MINUS_ONE = 0xffff_ffff_ffff_ffffn;

/** What was seen on Node 20 to 26, with the arguments it was seen with, and what our own parts need. */
const NEEDED: readonly Call[] = [
  ...(['read', 'readv', 'pread64', 'preadv', 'preadv2', 'write', 'writev', 'pwrite64', 'pwritev'] as const).map(
    (name): Call => [name, 0],
  ),
  ['lseek', 4],
  ['fstat', 0],
  ['close', 4],
  ['close', 20],
  ['brk'],
  ['munmap'],
  ['mremap'],
  ...[0x22, 0x32, 0x4022, 0x20022].flatMap((flags) =>
    [0, 1, 3].map((prot): Call => ['mmap', 0, 4096, prot, flags, MINUS_ONE]),
  ),
  ['mmap', 0, 4096, 3, 0x22, 0xffffffff],
  ['mmap', 0, 4096, 3, 1, 7],
  ['mmap', 0, 4096, 1, 1, 7],
  ['mmap', 0, 4096, 3, 0x8001, 7],
  ...[0, 1, 3, 5, 7].map((prot): Call => ['mprotect', 0, 4096, prot]),
  ...[4, 8, 10, 14, 15, 16].map((advice): Call => ['madvise', 0, 4096, advice]),
  ...[0x80, 0x81, 0x89, 0x109, 0x189, 0, 1, 0x84, 0x85].map((operation): Call => ['futex', 0, operation]),
  ['epoll_wait', 5],
  ['epoll_pwait', 5],
  ['epoll_ctl', 5],
  ['epoll_create1', 0x80000],
  ['poll'],
  ['ppoll'],
  ['eventfd2', 0, 0x80800],
  ['pipe2', 0, 0x80800],
  ['rt_sigprocmask'],
  ['rt_sigaction', 11],
  ['rt_sigreturn'],
  ['sigaltstack'],
  ['restart_syscall'],
  ['exit'],
  ['exit_group'],
  ...(
    ['getpid', 'gettid', 'getppid', 'getuid', 'geteuid', 'getgid', 'getegid', 'getcwd', 'uname', 'sysinfo'] as const
  ).map((name): Call => [name]),
  ...(['sched_yield', 'sched_getaffinity', 'sched_getparam', 'sched_getscheduler'] as const).map(
    (name): Call => [name],
  ),
  ['clock_nanosleep', 0],
  ['clock_nanosleep', 1],
  ['nanosleep'],
  ...(['clock_gettime', 'clock_getres', 'gettimeofday', 'getrandom', 'getrusage', 'getcpu'] as const).map(
    (name): Call => [name],
  ),
  ['fcntl', 0, 1],
  ['fcntl', 0, 2, 1],
  ['fcntl', 0, 3],
  ['fcntl', 0, 4, 0x800],
  ['fcntl', 5, 1034],
  ['clone', 0x3d0f00],
  ['clone', 0x7d0f00],
  ['set_robust_list'],
  ['rseq'],
  ['prctl', 15],
  ['prctl', 0x53564d41, 0],
  ['prlimit64', 0, 3, 0, 0x7fff0000],
  ['tgkill', 2, 2, 6],
  ['sendmsg', 3],
  ['recvmsg', 3],
  ['shutdown', 3, 2],
  ['getsockname', 5],
  ['getsockopt', 5, 1, 3],
  ['ioctl', 1, 0x5401],
  ['ioctl', 1, 0x5421],
];

/** Violations: the nearest neighbours of what is allowed, and what attacks begin with. */
const VIOLATIONS: readonly Call[] = [
  ['close', 3],
  ['dup', 3],
  ['dup2', 3, 9],
  ['dup3', 3, 9],
  ['close_range', 4, 9],
  ['sendmsg', 4],
  ['recvmsg', 4],
  ['shutdown', 4],
  ['sendto', 3],
  ['recvfrom', 3],
  ['sendmmsg', 3],
  ['socket', 2, 1, 0],
  ['socket', 1, 1, 0],
  ['socketpair', 1, 1, 0],
  ['connect', 4],
  ['bind', 4],
  ['listen', 4],
  ['accept4', 4],
  ['memfd_create'],
  ['fork'],
  ['vfork'],
  ['clone', 0x11],
  ['clone', 0x1200011],
  ['clone', 0x3d0f11],
  ['clone', 0x3d8f00],
  ['clone', 0x10000000 | 0x3d0f00],
  ['execve'],
  ['execveat'],
  ['kill', 1, 9],
  ['tgkill', 2, 2, 9],
  ['tkill', 2, 6],
  ['rt_sigqueueinfo', 2, 6],
  ['pidfd_open', 1],
  ['pidfd_send_signal'],
  ['mmap', 0, 4096, 7, 0x22, MINUS_ONE],
  ['mmap', 0, 4096, 4, 0x22, MINUS_ONE],
  ['mmap', 0, 4096, 5, 2, 7],
  ['mmap', 0, 4096, 7, 1, 7],
  ['mmap', 0, 4096, 3, 2, 7],
  ['mmap', 0, 4096, 3, 0x21, MINUS_ONE],
  ['mmap', 0, 4096, 3, 0x122, MINUS_ONE],
  ['mmap', 0, 4096, 3, 0x40022, MINUS_ONE],
  ['mmap', 0, 4096, 3, 0x11, 7],
  ['mmap', 0, 4096, 3, 1, MINUS_ONE],
  ['mprotect', 0, 4096, 0x1000003],
  ['madvise', 0, 4096, 9],
  ['madvise', 0, 4096, 12],
  ['futex', 0, 6],
  ['futex', 0, 0x8c],
  ['fcntl', 0, 4, 0x2000],
  ['fcntl', 0, 4, 0x2802],
  ['fcntl', 0, 8],
  ['fcntl', 0, 1033],
  ['ioctl', 0, 0x5412],
  ['ioctl', 0, 0x5452],
  ['prctl', 4, 1],
  ['prctl', 0x53564d41, 1],
  ['prctl', 0x53564d41, 0x1_0000_0000n],
  ['prlimit64', 1, 3, 0, 0x7fff0000],
  ['prlimit64', 0, 3, 0x7fff0000],
  ['prlimit64', 0, 3, 0x1_0000_0000n],
  ['clock_nanosleep', 11],
  ['getsockopt', 5, 1, 17],
  ['getsockopt', 5, 6, 3],
  ['setsockopt'],
  ['setuid'],
  ['umask'],
  ['seccomp', 1, 8],
  ['ptrace'],
  ['getdents64', 5],
  ['sendfile'],
  ['splice'],
  ['shmget'],
  ['mq_open'],
];

const DENIED: readonly (readonly [number, ...Call])[] = [
  [0, 'open'],
  [1, 'openat', -100],
  [0, 'creat'],
  [0, 'stat'],
  [0, 'lstat'],
  [1, 'newfstatat', -100],
  [1, 'statx', -100],
  [0, 'access'],
  [1, 'faccessat'],
  [1, 'faccessat2'],
  [0, 'readlink'],
  [1, 'readlinkat'],
  [0, 'chdir'],
  [0, 'mkdir'],
  [1, 'mkdirat'],
  [0, 'rmdir'],
  [0, 'unlink'],
  [1, 'unlinkat'],
  [0, 'rename'],
  [1, 'renameat'],
  [1, 'renameat2'],
  [0, 'link'],
  [1, 'linkat'],
  [1, 'symlink'],
  [2, 'symlinkat'],
  [0, 'truncate'],
  [0, 'chmod'],
  [1, 'fchmodat'],
  [1, 'fchmodat2'],
  [0, 'chown'],
  [0, 'lchown'],
  [1, 'fchownat'],
  [1, 'utimensat'],
];

describe('policies.node()', () => {
  it('allows what Node was seen to need', () => {
    for (const call of NEEDED) expect(say(call), title(call)).to.deep.equal(ALLOW);
  });

  it('has each row of its tables in what it was seen to need, or denies it', () => {
    const tested = new Set<string>([...NEEDED.map(([name]) => name), ...DENIED.map(([, name]) => name)]);
    const answered = ['capget', 'time', 'statfs', 'utime', 'utimes', 'futimesat', 'pkey_mprotect'];
    const rows = [...BASE, ...THREADS, ...ABORT, ...CHANNEL, ...JIT, ...PATHS];
    const untested = rows
      .flatMap(({ syscalls }) => syscalls)
      .filter((name) => !tested.has(name) && !answered.includes(name));
    expect(untested).to.deep.equal([]);
    for (const { why } of rows) expect(why).to.match(/\w{3}/);
  });

  for (const call of VIOLATIONS) {
    it(`has ${title(call)} as a violation`, () => {
      expect(say(call)).to.deep.equal(NOTIFY);
      expect(compiled.answers[syscallTable(X64).number(call[0]) ?? -1]).to.equal(-1);
    });
  }

  it('has paths answered ENOENT by the monitor, which knows the argument', () => {
    for (const [argument, name, ...args] of DENIED) {
      expect(say([name, ...args]), name).to.deep.equal(NOTIFY);
      expect(compiled.answers[syscallTable(X64).number(name) ?? -1], name).to.equal(2 | 0x10000 | (argument << 20));
    }
    expect(node.resolvesPaths).to.equal(false);
  });

  it('answers AT_EMPTY_PATH so that callers recover, whatever else the call says', () => {
    expect(say(['statx', 5, 0x7fff0000, 0x1000])).to.deep.equal(errnoVerdict(38));
    expect(say(['statx', -100, 0x7fff0000, 0x1900])).to.deep.equal(errnoVerdict(38));
    expect(say(['newfstatat', 5, 0x7fff0000, 0x7fff1000, 0x1000])).to.deep.equal(errnoVerdict(9));
    expect(say(['newfstatat', -100, 0x7fff0000, 0x7fff1000, 0x1100])).to.deep.equal(errnoVerdict(9));
  });

  it('answers what libraries have a substitute for by itself', () => {
    expect(say(['capget'])).to.deep.equal(errnoVerdict(1));
    for (const name of ['clone3', 'openat2', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'] as const) {
      expect(say([name]), name).to.deep.equal(errnoVerdict(38));
    }
    expect(verdict(compiled.program, { number: 470, architecture: X64 })).to.deep.equal(errnoVerdict(38));
  });

  it('says the same of every number of the table as its rules do, by default a violation', () => {
    const table = syscallTable(X64);
    for (let number = 0; number <= table.highest; number++) {
      const name = table.name(number);
      const seen = verdict(compiled.program, { number, architecture: X64 });
      if (name === undefined || node.decision(name).kind === 'notify') expect(seen, `${number}`).to.deep.equal(NOTIFY);
    }
  });

  it('leaves the calls that come most often to the cache of the kernel', () => {
    const often: SyscallName[] = [
      'read',
      'write',
      'writev',
      'epoll_pwait',
      'epoll_wait',
      'epoll_ctl',
      'munmap',
      'getpid',
      'clock_gettime',
    ];
    for (const name of often) {
      const run = simulate(compiled.program, { number: syscallTable(X64).number(name) ?? -1, architecture: X64 });
      expect([run.verdict.kind, run.readArguments], name).to.deep.equal(['allow', false]);
    }
  });

  it('is small, and compiled in little time', () => {
    expect(compiled.program.length / 8).to.be.lessThan(256);
    const times = Array.from({ length: 15 }, () => {
      const fresh = policies.node().build();
      const start = performance.now();
      fresh.compile();
      return performance.now() - start;
    });
    expect(Math.min(...times)).to.be.lessThan(5);
  });

  it('reports denied paths, or ends the sandboxee for those that Node does not look for by itself', () => {
    expect(compiled.pathDenialIsViolation).to.equal(false);
    const killing = policies.node({ onDenied: 'kill' }).build().compile();
    expect(killing.pathDenialIsViolation).to.equal(true);
    expect(killing.harmlessPaths).to.include.members([
      '/etc/localtime',
      '/proc/meminfo',
      '/sys/fs/cgroup/*',
      process.execPath,
    ]);
    expect(killing.harmlessPaths).to.deep.equal(harmlessNodePaths());
    for (const path of killing.harmlessPaths) expect(path).to.match(/^\/[^*]+\*?$/);
    expect(killing.harmlessPaths.some((path) => '/proc/self/mem'.startsWith(path.replace('*', '')))).to.equal(false);
  });

  it('compiles for arm64 to the same decisions, under the numbers of arm64', () => {
    const arm = policies.node({ arch: AUDIT_ARCH_AARCH64 }).build().compile();
    const onArm = (name: SyscallName, ...args: number[]) => ask(arm.program, name, args, AUDIT_ARCH_AARCH64);
    expect(onArm('read')).to.deep.equal(ALLOW);
    expect(onArm('close', 3)).to.deep.equal(NOTIFY);
    expect(onArm('openat')).to.deep.equal(NOTIFY);
    expect(arm.answers[56]).to.equal(2 | 0x10000 | (1 << 20));
    expect(onArm('execve')).to.deep.equal(NOTIFY);
    expect(onArm('clone3')).to.deep.equal(errnoVerdict(38));
  });
});

describe('the options of a preset', () => {
  it('are taken as they are written, or refused by name', () => {
    const refused = (options: object): void => void policies.node(options).build();
    expect(() => refused({ ondenied: 'kill' })).to.throw(PolicyError, "policies.node(): no such option 'ondenied'");
    expect(() => refused({ onDenied: 'Kill' })).to.throw(PolicyError, "not 'Kill'");
    expect(() => refused({ arch: 7 })).to.throw(PolicyError, 'arch 7');
  });
});

describe('policies.nodeJitless()', () => {
  const { program } = policies.nodeJitless({ arch: X64 }).build().compile();

  it('makes no memory executable', () => {
    for (const prot of [4, 5, 6, 7]) {
      expect(ask(program, 'mprotect', [0, 4096, prot])).to.deep.equal(NOTIFY);
      expect(ask(program, 'pkey_mprotect', [0, 4096, prot, 1])).to.deep.equal(NOTIFY);
      expect(ask(program, 'mmap', [0, 4096, prot, 0x22, MINUS_ONE])).to.deep.equal(NOTIFY);
      expect(ask(program, 'mmap', [0, 4096, prot, 1, 7])).to.deep.equal(NOTIFY);
    }
    for (const prot of [0, 1, 3]) expect(ask(program, 'mprotect', [0, 4096, prot])).to.deep.equal(ALLOW);
  });

  it('is otherwise the same as policies.node()', () => {
    const lines = (text: string): string[] => text.split('\n').filter((line) => !/mprotect|^policy/.test(line));
    expect(lines(policies.nodeJitless().build().toString())).to.deep.equal(lines(policies.node().build().toString()));
    expect(JITLESS.flatMap(({ syscalls }) => syscalls)).to.deep.equal(['mprotect']);
  });
});
