import { constants } from 'node:os';
import { type FUTEX, IOCTL } from './abi.js';
import { allow, allowWhen, arg, denyPath, errno, type Rule } from './bpf/dsl.js';
import { type Draft, type Entry, type PathDenial, problemsOf, resolve } from './draft.js';
import { PolicyError } from './errors.js';
import { Policy } from './policy.js';
import * as rules from './rules.js';
import { pathArgument } from './syscalls/arguments.js';
import { hostArchitecture, type SyscallName } from './syscalls/index.js';

/** An errno by its name, `'EPERM'`. */
export type ErrnoName = keyof typeof constants.errno;

/**
 * Says which syscalls a sandboxee may make. What it does not mention is a violation, and what no policy may allow
 * (`refused.ts`) stays refused.
 *
 *     const policy = policies.node().allowPipe().blockSyscallWithErrno('uname', 'EPERM').build();
 *
 * Immutable: every call returns a new builder. The words are Sandbox2's, and each says which syscalls it allows. Where
 * several rules concern one syscall, they are asked in the order of the calls, before those of the preset, and the first
 * that decides counts. A syscall that the architecture does not have is passed over. Mistakes gather, and `build()`
 * throws one `PolicyError` that lists them all.
 */
export class PolicyBuilder {
  readonly #draft: Draft;

  constructor(draft: Partial<Draft> = {}) {
    this.#draft = {
      name: 'custom',
      arch: hostArchitecture(),
      own: [],
      preset: [],
      problems: [],
      onPathDenial: 'report',
      harmlessPaths: [],
      ...draft,
    };
  }

  /** The name that errors and reports use. */
  named(name: string): PolicyBuilder {
    return this.#with({ name });
  }

  /** Throws `PolicyError`. */
  build(): Policy {
    const { name, arch, own, preset, onPathDenial, harmlessPaths } = this.#draft;
    const { decisions, problems } = resolve(own, preset);
    const all = [...this.#draft.problems, ...problems];
    if (all.length > 0) throw new PolicyError(name, all);
    return new Policy({ name, arch, decisions, pathDenialIsViolation: onPathDenial === 'kill', harmlessPaths });
  }

  // Rules as they are

  /** Whatever the arguments. */
  allowSyscall(syscall: SyscallName): PolicyBuilder {
    return this.#add(call('allowSyscall', syscall), [syscall], allow());
  }

  allowSyscalls(...syscalls: readonly SyscallName[]): PolicyBuilder {
    return this.#add(call('allowSyscalls', ...syscalls), syscalls, allow());
  }

  /** The kernel answers with the errno, and nothing is reported. The one thing that can be said of a refused syscall. */
  blockSyscallWithErrno(syscall: SyscallName, error: ErrnoName): PolicyBuilder {
    return this.#block(call('blockSyscallWithErrno', syscall, error), [syscall], error);
  }

  blockSyscallsWithErrno(syscalls: readonly SyscallName[], error: ErrnoName): PolicyBuilder {
    return this.#block(call('blockSyscallsWithErrno', ...syscalls, error), syscalls, error);
  }

  /** A rule in the words of `bpf/dsl.ts`. What it passes on goes to the next rule, and in the end to a violation. */
  addPolicyOnSyscall(syscall: SyscallName, rule: Rule): PolicyBuilder {
    return this.#add(call('addPolicyOnSyscall', syscall), [syscall], rule);
  }

  addPolicyOnSyscalls(syscalls: readonly SyscallName[], rule: Rule): PolicyBuilder {
    return this.#add(call('addPolicyOnSyscalls', ...syscalls), syscalls, rule);
  }

  /** `mmap`, by a rule in the words of `bpf/dsl.ts`. */
  addPolicyOnMmap(rule: Rule): PolicyBuilder {
    return this.#add('addPolicyOnMmap()', ['mmap'], rule);
  }

  // Files that are open already

  /** Allows `read`, `readv`, `preadv`, `preadv2`, `pread64`. */
  allowRead(): PolicyBuilder {
    return this.#allow('allowRead()', 'read', 'readv', 'preadv', 'preadv2', 'pread64');
  }

  /** Allows `write`, `writev`, `pwritev`, `pwrite64`. */
  allowWrite(): PolicyBuilder {
    return this.#allow('allowWrite()', 'write', 'writev', 'pwritev', 'pwrite64');
  }

  /** Allows `poll`, `ppoll`. */
  allowPoll(): PolicyBuilder {
    return this.#allow('allowPoll()', 'poll', 'ppoll');
  }

  /** Allows `epoll_wait`, `epoll_pwait`, `epoll_pwait2`. */
  allowEpollWait(): PolicyBuilder {
    return this.#allow('allowEpollWait()', 'epoll_wait', 'epoll_pwait', 'epoll_pwait2');
  }

  /** Allows `epoll_create`, `epoll_create1`, `epoll_ctl`, `epoll_wait`, `epoll_pwait`, `epoll_pwait2`. */
  allowEpoll(): PolicyBuilder {
    return this.allowEpollWait().#allow('allowEpoll()', 'epoll_create', 'epoll_create1', 'epoll_ctl');
  }

  /** Allows `eventfd`, `eventfd2`. */
  allowEventFd(): PolicyBuilder {
    return this.#allow('allowEventFd()', 'eventfd', 'eventfd2');
  }

  /** Allows `pipe`, `pipe2`. */
  allowPipe(): PolicyBuilder {
    return this.#allow('allowPipe()', 'pipe', 'pipe2');
  }

  /** Allows `fcntl` for the flags of an fd (O_ASYNC excepted), locks, and duplicates. */
  allowSafeFcntl(): PolicyBuilder {
    return this.#add('allowSafeFcntl()', ['fcntl'], rules.fdFlags)
      .#add('allowSafeFcntl()', ['fcntl'], rules.fileLocks)
      .#add('allowSafeFcntl()', ['fcntl'], rules.duplicateFd);
  }

  /** Allows `ioctl` with TCGETS: whether an fd is a terminal. */
  allowTCGETS(): PolicyBuilder {
    return this.#add('allowTCGETS()', ['ioctl'], allowWhen(arg(1).eq(IOCTL.TCGETS)));
  }

  // Files by path, resolved by the kernel: what they reach is for mounts and Landlock to say

  /** Allows `creat`, `open`, `openat`. */
  allowOpen(): PolicyBuilder {
    return this.#allow('allowOpen()', 'creat', 'open', 'openat');
  }

  /** Allows `fstat`, `fstatfs`, `lstat`, `newfstatat`, `stat`, `statfs`, `statx`. */
  allowStat(): PolicyBuilder {
    return this.#allow('allowStat()', 'fstat', 'fstatfs', 'lstat', 'newfstatat', 'stat', 'statfs', 'statx');
  }

  /** Allows `access`, `faccessat`, `faccessat2`. */
  allowAccess(): PolicyBuilder {
    return this.#allow('allowAccess()', 'access', 'faccessat', 'faccessat2');
  }

  /** Allows `readlink`, `readlinkat`. */
  allowReadlink(): PolicyBuilder {
    return this.#allow('allowReadlink()', 'readlink', 'readlinkat');
  }

  /** Allows `getdents`, `getdents64`. */
  allowReaddir(): PolicyBuilder {
    return this.#allow('allowReaddir()', 'getdents', 'getdents64');
  }

  /** The monitor answers these with ENOENT and reports each as a denial. They have to take a path. */
  denyPathSyscalls(...syscalls: readonly SyscallName[]): PolicyBuilder {
    const name = call('denyPathSyscalls', ...syscalls);
    const pathless = syscalls.filter((syscall) => pathArgument(syscall) === undefined);
    if (pathless.length > 0) return this.#blame(name, `these take no path: ${pathless.join(', ')}`);
    const deny = (builder: PolicyBuilder, syscall: SyscallName): PolicyBuilder =>
      builder.#add(name, [syscall], denyPath(pathArgument(syscall) ?? 0));
    return syscalls.reduce(deny, this);
  }

  /**
   * What a denied path leads to. One of `harmless` only gets its errno: exact paths, or beginnings of paths where they
   * end with `*`.
   */
  onPathDenial(consequence: PathDenial, harmless: readonly string[] = this.#draft.harmlessPaths): PolicyBuilder {
    return this.#with({ onPathDenial: consequence, harmlessPaths: [...harmless] });
  }

  // Memory

  /** Allows `brk`, `munmap`, `mremap`, and `mmap` of private anonymous memory without PROT_EXEC. */
  allowSystemMalloc(): PolicyBuilder {
    return this.#allow('allowSystemMalloc()', 'brk', 'munmap', 'mremap').#add(
      'allowSystemMalloc()',
      ['mmap'],
      rules.mapAnonymous,
    );
  }

  /** Allows `mmap` of anything, without PROT_EXEC. */
  allowMmapWithoutExec(): PolicyBuilder {
    return this.#add('allowMmapWithoutExec()', ['mmap'], rules.mapWithoutExec);
  }

  /** Allows `mprotect` without PROT_EXEC. */
  allowMprotectWithoutExec(): PolicyBuilder {
    return this.#add('allowMprotectWithoutExec()', ['mprotect'], rules.protectWithoutExec);
  }

  /** Allows `mmap` of an fd, shared and without PROT_EXEC, and `munmap`, `fstat`, `close`. */
  allowSharedMemory(): PolicyBuilder {
    return this.#allow('allowSharedMemory()', 'munmap', 'fstat', 'close').#add(
      'allowSharedMemory()',
      ['mmap'],
      rules.mapShared,
    );
  }

  // Threads and processes

  /** Allows `exit`, `exit_group`. */
  allowExit(): PolicyBuilder {
    return this.#allow('allowExit()', 'exit', 'exit_group');
  }

  /** Allows `futex` with one operation (FUTEX_*), private or shared. */
  allowFutexOp(operation: (typeof FUTEX)[keyof typeof FUTEX]): PolicyBuilder {
    return this.#add(`allowFutexOp(${operation})`, ['futex'], rules.futexOperation(operation));
  }

  /** Allows `clone` of a thread as pthread_create makes it, `futex` as threads use it, `set_robust_list`, `rseq`. */
  allowThreads(): PolicyBuilder {
    return this.#add('allowThreads()', ['clone'], rules.cloneThread)
      .#add('allowThreads()', ['futex'], rules.threadFutex)
      .#allow('allowThreads()', 'set_robust_list', 'rseq');
  }

  /** Allows `prctl` with PR_SET_NAME. */
  allowPrctlSetName(): PolicyBuilder {
    return this.#add('allowPrctlSetName()', ['prctl'], rules.setThreadName);
  }

  /** Allows `prctl` with PR_SET_VMA and PR_SET_VMA_ANON_NAME. */
  allowPrctlSetVma(): PolicyBuilder {
    return this.#add('allowPrctlSetVma()', ['prctl'], rules.nameMemory);
  }

  /** Allows `rt_sigaction`, `rt_sigreturn`, `rt_sigprocmask`, `sigaltstack`, `restart_syscall`. */
  allowHandleSignals(): PolicyBuilder {
    const syscalls = ['rt_sigaction', 'rt_sigreturn', 'rt_sigprocmask', 'sigaltstack', 'restart_syscall'] as const;
    return this.#allow('allowHandleSignals()', ...syscalls);
  }

  // Questions

  /** Allows `clock_getres`, `clock_gettime`, `gettimeofday`, `time`. */
  allowTime(): PolicyBuilder {
    return this.#allow('allowTime()', 'clock_getres', 'clock_gettime', 'gettimeofday', 'time');
  }

  /** Allows `clock_nanosleep`, `nanosleep`. */
  allowSleep(): PolicyBuilder {
    return this.#allow('allowSleep()', 'clock_nanosleep', 'nanosleep');
  }

  /** Allows `getuid`, `geteuid`, `getresuid`, `getgid`, `getegid`, `getresgid`, `getgroups`. */
  allowGetIDs(): PolicyBuilder {
    const syscalls = ['getuid', 'geteuid', 'getresuid', 'getgid', 'getegid', 'getresgid', 'getgroups'] as const;
    return this.#allow('allowGetIDs()', ...syscalls);
  }

  /** Allows `getpid`, `getppid`, `gettid`. */
  allowGetPIDs(): PolicyBuilder {
    return this.#allow('allowGetPIDs()', 'getpid', 'getppid', 'gettid');
  }

  /** Allows `getrlimit`, and `prlimit64` that reads the caller's own limits. */
  allowGetRlimit(): PolicyBuilder {
    return this.#allow('allowGetRlimit()', 'getrlimit').#add('allowGetRlimit()', ['prlimit64'], rules.readOwnLimits);
  }

  /** Allows `getrandom`. */
  allowGetRandom(): PolicyBuilder {
    return this.#allow('allowGetRandom()', 'getrandom');
  }

  #allow(name: string, ...syscalls: readonly SyscallName[]): PolicyBuilder {
    return this.#add(name, syscalls, allow());
  }

  #block(name: string, syscalls: readonly SyscallName[], error: ErrnoName): PolicyBuilder {
    const number: number | undefined = constants.errno[error];
    if (number !== undefined) return this.#add(name, syscalls, errno(number));
    return this.#blame(name, `there is no errno '${error}'`);
  }

  #add(name: string, syscalls: readonly SyscallName[], rule: Rule): PolicyBuilder {
    const entry: Entry = { call: name, syscalls: [...syscalls], rule };
    const problems = problemsOf(entry);
    if (problems.length > 0) return this.#with({ problems: [...this.#draft.problems, ...problems] });
    return this.#with({ own: [...this.#draft.own, entry] });
  }

  #blame(name: string, message: string): PolicyBuilder {
    return this.#with({ problems: [...this.#draft.problems, { call: name, message }] });
  }

  #with(change: Partial<Draft>): PolicyBuilder {
    return new PolicyBuilder({ ...this.#draft, ...change });
  }
}

/** `allowSyscall('ptrace')`, as it would be written. */
function call(name: string, ...values: readonly string[]): string {
  return `${name}(${values.map((value) => `'${value}'`).join(', ')})`;
}
