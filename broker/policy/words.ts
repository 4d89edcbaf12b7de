/** What the words without arguments mean, in one table: the builder, documents and `docs/policy.md` go by it. */
import { constants } from 'node:os';
import { FUTEX, IOCTL } from './abi.js';
import { allow, allowWhen, arg, errno, type Rule } from './bpf/dsl.js';
import * as rules from './rules.js';
import type { SyscallName } from './syscalls/index.js';

/** A rule for some syscalls. */
export interface Part {
  readonly syscalls: readonly SyscallName[];
  readonly rule: Rule;
  /** Asked after all rules that are not: what the author says of the same syscall, before or after, comes first. */
  readonly overridable?: true;
}

const { ENOENT, ENOSYS } = constants.errno;

function every(...syscalls: readonly SyscallName[]): Part {
  return { syscalls, rule: allow() };
}

function ruled(syscall: SyscallName, rule: Rule): Part {
  return { syscalls: [syscall], rule };
}

function unlessSaid(error: number, ...syscalls: readonly SyscallName[]): Part {
  return { syscalls, rule: errno(error), overridable: true };
}

const TIME = every('clock_getres', 'clock_gettime', 'gettimeofday', 'time');
const PIDS = every('getpid', 'getppid', 'gettid');
const READ = every('read', 'readv', 'preadv', 'preadv2', 'pread64');
const OPEN = every('creat', 'open', 'openat');
const STAT = every('fstat', 'fstatfs', 'lstat', 'newfstatat', 'stat', 'statfs', 'statx');
const ACCESS = every('access', 'faccessat', 'faccessat2');
const POLL = every('poll', 'ppoll');
const EPOLL_WAIT = every('epoll_wait', 'epoll_pwait', 'epoll_pwait2');
const WAIT_ON_FUTEX = ruled('futex', rules.futexOperation(FUTEX.FUTEX_WAIT));
const WAKE_FUTEX = ruled('futex', rules.futexOperation(FUTEX.FUTEX_WAKE));
const NAME_MEMORY = ruled('prctl', rules.nameMemory);
const LIMITED_MADVISE = ruled('madvise', rules.limitedAdvice);
const RANDOM = ruled('getrandom', rules.random);
const GET_LIMITS = [every('getrlimit'), ruled('prlimit64', rules.readOwnLimits)];
const SHARED_MEMORY = [ruled('mmap', rules.mapShared), every('munmap', 'fstat', 'close')];

/** With `membarrier` at hand; the number of processors is then not asked of files. */
export const FAST_FENCES: readonly Part[] = [
  every('rseq', 'getcpu', 'membarrier', 'close'),
  ruled('mmap', rules.privateMemory),
  WAIT_ON_FUTEX,
  WAKE_FUTEX,
  READ,
  POLL,
  ruled('rt_sigprocmask', rules.replaceSignalMask),
  NAME_MEMORY,
  unlessSaid(ENOENT, 'open', 'openat'),
];

/** Without it a thread moves itself to every processor in turn. */
export const SLOW_FENCES: readonly Part[] = [...FAST_FENCES, every('sched_getaffinity', 'sched_setaffinity')];

export const STATIC_STARTUP: readonly Part[] = [
  every('uname', 'brk', 'set_tid_address', 'set_robust_list', 'rseq', 'rt_sigprocmask'),
  ...GET_LIMITS,
  RANDOM,
  ruled('arch_prctl', rules.setThreadPointer),
  ruled('futex', rules.futexOperation(FUTEX.FUTEX_WAIT_BITSET)),
  ruled('rt_sigaction', rules.handleOwnSignals),
  ruled('mprotect', rules.protectForReading),
  unlessSaid(ENOENT, 'readlink', 'readlinkat'),
  unlessSaid(ENOSYS, 'sigaltstack'),
];

/** Its code is mapped executable, so it comes with a token. */
export const DYNAMIC_STARTUP: readonly Part[] = [
  ACCESS,
  OPEN,
  READ,
  STAT,
  every('lseek', 'close', 'munmap'),
  ruled('mprotect', rules.loaderProtect),
  ruled('mmap', rules.loaderMap),
  ...STATIC_STARTUP,
];

export const WORDS = {
  // Files that are open already
  allowRead: [READ],
  allowWrite: [every('write', 'writev', 'pwritev', 'pwrite64')],
  allowPoll: [POLL],
  allowSelect: [every('select', 'pselect6')],
  allowEpollWait: [EPOLL_WAIT],
  allowEpoll: [EPOLL_WAIT, every('epoll_create', 'epoll_create1', 'epoll_ctl')],
  allowEventFd: [every('eventfd', 'eventfd2')],
  allowInotify: [every('inotify_init', 'inotify_init1', 'inotify_add_watch', 'inotify_rm_watch', 'close')],
  allowPipe: [every('pipe', 'pipe2')],
  allowDup: [every('dup', 'dup2', 'dup3')],
  allowSafeFcntl: [ruled('fcntl', rules.fdFlags), ruled('fcntl', rules.fileLocks), ruled('fcntl', rules.duplicateFd)],
  allowTCGETS: [ruled('ioctl', allowWhen(arg(1).eq(IOCTL.TCGETS)))],
  allowComms: [
    ruled('sendmsg', rules.sendOnComms),
    ruled('recvmsg', rules.receiveOnComms),
    ruled('shutdown', rules.onComms),
  ],

  // Files by path
  allowOpen: [OPEN],
  allowStat: [STAT],
  allowAccess: [ACCESS],
  allowReadlink: [every('readlink', 'readlinkat')],
  allowReaddir: [every('getdents', 'getdents64')],
  allowLink: [every('link', 'linkat')],
  allowSymlink: [every('symlink', 'symlinkat')],
  allowMkdir: [every('mkdir', 'mkdirat')],
  allowUnlink: [every('rmdir', 'unlink', 'unlinkat')],
  allowRename: [every('rename', 'renameat', 'renameat2')],
  allowChmod: [every('chmod', 'fchmod', 'fchmodat', 'fchmodat2')],
  allowChown: [every('chown', 'lchown', 'fchown', 'fchownat')],
  allowUtime: [every('futimesat', 'utime', 'utimes', 'utimensat')],

  // Memory
  allowSystemMalloc: [
    every('brk', 'munmap'),
    ruled('mremap', rules.growMemory),
    ruled('mmap', rules.mapAnonymous),
    WAKE_FUTEX,
  ],
  allowTcMalloc: [
    TIME,
    ...FAST_FENCES,
    every('munmap', 'nanosleep', 'brk', 'mincore', 'lseek'),
    LIMITED_MADVISE,
    PIDS,
    ruled('mprotect', rules.tcmallocProtect),
    ruled('mmap', rules.tcmallocMap),
    unlessSaid(ENOSYS, 'process_vm_readv'),
  ],
  allowScudoMalloc: [
    TIME,
    every('munmap', 'nanosleep'),
    WAKE_FUTEX,
    LIMITED_MADVISE,
    RANDOM,
    PIDS,
    ruled('madvise', rules.wipeOnFork),
    ruled('mmap', rules.scudoMap),
    unlessSaid(ENOENT, 'open', 'openat'),
  ],
  allowLimitedMadvise: [LIMITED_MADVISE],
  allowMadvisePopulate: [ruled('madvise', rules.populate)],
  allowWipeOnFork: [ruled('madvise', rules.wipeOnFork)],
  allowMlock: [every('mlock', 'munlock', 'mlock2')],
  allowMmapWithoutExec: [ruled('mmap', rules.mapWithoutExec)],
  allowMprotectWithoutExec: [ruled('mprotect', rules.protectWithoutExec)],
  allowPkeyMprotectWithoutExec: [ruled('pkey_mprotect', rules.protectWithoutExec)],
  allowSharedMemory: SHARED_MEMORY,
  allowSharedMemoryComms: [...SHARED_MEMORY, WAIT_ON_FUTEX, WAKE_FUTEX],

  // Threads and processes
  allowStaticStartup: STATIC_STARTUP,
  allowExit: [every('exit', 'exit_group')],
  allowThreads: [
    ruled('clone', rules.cloneThread),
    ruled('futex', rules.threadFutex),
    every('set_robust_list', 'rseq'),
  ],
  allowFork: [every('fork', 'vfork', 'clone')],
  allowWait: [every('wait4', 'waitid')],
  allowKill: [every('kill', 'tgkill', 'tkill')],
  allowHandleSignals: [every('rt_sigaction', 'rt_sigreturn', 'rt_sigprocmask', 'sigaltstack', 'restart_syscall')],
  allowPrctlSetName: [ruled('prctl', rules.setThreadName)],
  allowPrctlSetVma: [NAME_MEMORY],

  // Time, identity, limits
  allowTime: [TIME],
  allowSleep: [every('clock_nanosleep', 'nanosleep')],
  allowAlarm: [every('alarm', 'setitimer')],
  allowPosixTimers: [every('timer_create', 'timer_delete', 'timer_settime', 'timer_gettime', 'timer_getoverrun')],
  allowGetIDs: [every('getuid', 'geteuid', 'getresuid', 'getgid', 'getegid', 'getresgid', 'getgroups')],
  allowGetPIDs: [PIDS],
  allowGetPGIDs: [every('getpgid', 'getpgrp')],
  allowGetRlimit: GET_LIMITS,
  allowSetRlimit: [every('setrlimit', 'prlimit64')],
  allowGetRandom: [RANDOM],
} as const satisfies Readonly<Record<string, readonly Part[]>>;

export type PlainWord = keyof typeof WORDS;

export const PLAIN_WORDS = Object.keys(WORDS) as PlainWord[];

export function isPlainWord(name: string): name is PlainWord {
  return Object.hasOwn(WORDS, name);
}
