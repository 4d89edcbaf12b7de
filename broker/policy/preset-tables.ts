/**
 * What Node needs after the gate, as measured on Node 20, 22, 24 and 26 (x86-64, glibc), and why. What is not here is a
 * violation.
 */
import { constants } from 'node:os';
import { AT, FCNTL, IOCTL, SO, SOL_SOCKET } from './abi.js';
import { all, allow, allowWhen, arg, denyPath, errno, type Rule, when } from './bpf/dsl.js';
import * as rules from './rules.js';
import { pathArgument } from './syscalls/arguments.js';
import type { SyscallName } from './syscalls/index.js';

export interface Row {
  readonly syscalls: readonly SyscallName[];
  readonly rule: Rule;
  readonly why: string;
}

const { EBADF, ENOENT, ENOSYS, EPERM } = constants.errno;
const { SIGABRT, SIGSEGV } = constants.signals;

function allowed(syscalls: readonly SyscallName[], why: string): Row {
  return { syscalls, rule: allow(), why };
}

function ruled(syscalls: readonly SyscallName[], rule: Rule, why: string): Row {
  return { syscalls, rule, why };
}

/** JavaScript, garbage collection, timers, promises, synchronous crypto, the console, every way to exit. */
export const BASE: readonly Row[] = [
  allowed(['read', 'readv', 'pread64', 'preadv', 'preadv2'], 'passed fds, wake-up fds, timers'),
  allowed(['write', 'writev', 'pwrite64', 'pwritev'], 'passed fds, wake-up fds, the console'),
  allowed(['lseek', 'fstat'], 'passed fds; at exit Node checks its first three'),
  allowed(['close'], 'fds are closed; that of comms never is (refused.ts)'),
  allowed(['brk', 'munmap', 'mremap'], 'malloc, the V8 heap'),
  ruled(['mmap'], rules.mapAnonymous, 'malloc, the V8 heap, thread stacks'),
  ruled(['mmap'], rules.mapShared, 'shared buffers of the broker'),
  ruled(['madvise'], rules.adviseOwnMemory, 'malloc, the V8 heap'),
  ruled(['futex'], rules.threadFutex, 'locks'),
  allowed(['epoll_wait', 'epoll_pwait', 'epoll_ctl', 'poll', 'ppoll'], 'the event loop'),
  allowed(['rt_sigaction', 'rt_sigprocmask', 'rt_sigreturn', 'sigaltstack'], 'signals; exit resets all of them'),
  allowed(['restart_syscall'], 'the kernel makes it after a stop'),
  allowed(['exit', 'exit_group'], 'exit'),
  allowed(['getpid', 'gettid', 'getppid'], 'process.pid; sharp asks for the parent'),
  allowed(['getuid', 'geteuid', 'getgid', 'getegid'], 'a new Worker'),
  allowed(['clock_gettime', 'clock_getres', 'gettimeofday', 'time'], 'where the vDSO cannot answer'),
  ruled(['clock_nanosleep'], rules.sleepOnUsualClocks, 'V8 backs off'),
  allowed(['nanosleep'], 'the same on musl'),
  allowed(['sched_yield', 'sched_getaffinity', 'sched_getparam', 'sched_getscheduler'], 'spinning locks, new threads'),
  allowed(['getrandom'], 'crypto; Node 26 falls to shmget without it'),
  allowed(['getrusage', 'getcpu', 'sysinfo'], 'process.cpuUsage(); free memory; sharp'),
  allowed(['uname'], 'os.hostname(), which loggers call'),
  allowed(['getcwd'], 'process.cwd(), a new Worker'),
  ruled(['fcntl'], rules.fdFlags, 'O_NONBLOCK; at exit Node restores its first three'),
];

/** The libuv pool, `worker_threads`, the threads of native libraries. */
export const THREADS: readonly Row[] = [
  ruled(['clone'], rules.cloneThread, 'pthread_create, once clone3 is ENOSYS'),
  allowed(['set_robust_list', 'rseq'], 'glibc aborts a thread that cannot register'),
  ruled(['prctl'], rules.setThreadName, 'names of threads'),
  ruled(['prctl'], rules.nameMemory, 'V8 names its mappings'),
  ruled(['prlimit64'], rules.readOwnLimits, 'the size of a stack'),
  allowed(['epoll_create1', 'eventfd2'], 'the event loop of a Worker'),
  ruled(['pipe2'], rules.plainPipe, 'the same'),
  ruled(['capget'], errno(EPERM), 'a Worker asks whether it is privileged'),
];

/** process.abort(), V8 out of memory, failed checks, crashes: without it they look like another violation. */
export const ABORT: readonly Row[] = [
  ruled(
    ['tgkill'],
    allowWhen(arg(2).in(SIGABRT, SIGSEGV)),
    'abort(); Node raises SIGSEGV again; pid namespace or Landlock keep it from others',
  ),
];

/** The channel to the broker, what comes through it, and the console. */
export const CHANNEL: readonly Row[] = [
  ruled(['sendmsg'], rules.sendOnComms, 'comms; no other socket is spoken to by these'),
  ruled(['recvmsg'], rules.receiveOnComms, 'comms'),
  ruled(['shutdown'], rules.onComms, 'comms'),
  ruled(['fcntl'], rules.refuseDuplicates, 'Fd.dup() fails there with EPERM; allowSafeFcntl() grants it'),
  ruled(['fcntl'], allowWhen(arg(1).eq(FCNTL.F_GET_SEALS)), 'what a buffer is'),
  allowed(['getsockname'], 'net.Socket over a passed socket'),
  ruled(
    ['getsockopt'],
    allowWhen(all(arg(1).eq(SOL_SOCKET), arg(2).in(SO.SO_TYPE, SO.SO_DOMAIN))),
    'what kind of socket was passed',
  ),
  ruled(
    ['ioctl'],
    allowWhen(arg(1).in(IOCTL.TCGETS, IOCTL.FIONBIO)),
    'the first console.log of a thread asks whether it has a terminal and sets O_NONBLOCK, as fcntl may too',
  ),
];

/** Executable memory: JIT, WebAssembly and new Workers change the protection of pages, none maps them executable. */
export const JIT: readonly Row[] = [
  ruled(['mprotect'], rules.protectWithExec, 'code of V8 is made executable, and writable again'),
  ruled(['pkey_mprotect'], rules.protectWithExec, 'the same on processors with protection keys; not measured'),
];

export const JITLESS: readonly Row[] = [
  ruled(['mprotect'], rules.protectWithoutExec, 'the V8 heap, guard pages of stacks'),
];

/** Path calls that Node makes. The monitor answers ENOENT: EACCES breaks `require`, other errnos change what libuv does. */
const DENIED_PATHS: readonly SyscallName[] = [
  ...(['open', 'openat', 'creat', 'truncate'] as const),
  ...(['stat', 'lstat', 'statfs', 'access', 'faccessat', 'faccessat2', 'readlink', 'readlinkat'] as const),
  ...(['chdir', 'mkdir', 'mkdirat', 'rmdir', 'unlink', 'unlinkat', 'rename', 'renameat', 'renameat2'] as const),
  ...(['link', 'linkat', 'symlink', 'symlinkat', 'chmod', 'fchmodat', 'fchmodat2'] as const),
  ...(['chown', 'lchown', 'fchownat', 'utime', 'utimes', 'futimesat', 'utimensat'] as const),
];

/**
 * With AT_EMPTY_PATH these two ask about an fd, but only where the path that the pointer leads to is empty, which a
 * filter cannot see; with any other path the flag changes nothing. Allowing it would open metadata of every file to a
 * policy that is said to resolve no path. So it is refused in a way from which callers recover:
 *
 * - statx: ENOSYS, after which libuv uses fstat for good, and stat for paths.
 * - newfstatat: EBADF. glibc 2.33 to 2.38 makes fstat of it for programs that were built against it (musl, older and
 *   newer glibc, and so the binaries of nodejs.org use the syscall fstat). At exit Node takes EBADF to mean that an fd
 *   was closed, and aborts at any other errno.
 */
export const PATHS: readonly Row[] = [
  ...DENIED_PATHS.map((name) => ruled([name], denyPath(pathArgument(name) ?? 0, ENOENT), 'no path is resolved')),
  ruled(
    ['statx'],
    when(arg(2).hasAny(AT.AT_EMPTY_PATH), errno(ENOSYS)).otherwise(denyPath(1, ENOENT)),
    'no path is resolved; libuv then asks fstat about fds',
  ),
  ruled(
    ['newfstatat'],
    when(arg(3).hasAny(AT.AT_EMPTY_PATH), errno(EBADF)).otherwise(denyPath(1, ENOENT)),
    'no path is resolved',
  ),
];
