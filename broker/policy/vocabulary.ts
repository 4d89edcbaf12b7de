import type { PlainWord } from './words.js';

/**
 * The words without arguments. Each says which syscalls it allows, whatever their arguments unless it says more; what
 * they mean is in `words.ts`.
 */
export abstract class Vocabulary<Builder> {
  /** @internal */
  protected abstract word(name: PlainWord): Builder;

  // Files that are open already

  /** Allows `read`, `readv`, `preadv`, `preadv2`, `pread64`. */
  allowRead(): Builder {
    return this.word('allowRead');
  }

  /** Allows `write`, `writev`, `pwritev`, `pwrite64`. */
  allowWrite(): Builder {
    return this.word('allowWrite');
  }

  /** Allows `poll`, `ppoll`. */
  allowPoll(): Builder {
    return this.word('allowPoll');
  }

  /** Allows `select`, `pselect6`. */
  allowSelect(): Builder {
    return this.word('allowSelect');
  }

  /** Allows `epoll_wait`, `epoll_pwait`, `epoll_pwait2`. */
  allowEpollWait(): Builder {
    return this.word('allowEpollWait');
  }

  /** Allows `epoll_create`, `epoll_create1`, `epoll_ctl`, `epoll_wait`, `epoll_pwait`, `epoll_pwait2`. */
  allowEpoll(): Builder {
    return this.word('allowEpoll');
  }

  /** Allows `eventfd`, `eventfd2`. */
  allowEventFd(): Builder {
    return this.word('allowEventFd');
  }

  /** Allows `inotify_init`, `inotify_init1`, `inotify_add_watch`, `inotify_rm_watch`, `close`. */
  allowInotify(): Builder {
    return this.word('allowInotify');
  }

  /** Allows `pipe`, `pipe2`. */
  allowPipe(): Builder {
    return this.word('allowPipe');
  }

  /** Allows `dup`, `dup2`, `dup3`; not onto the number of comms. */
  allowDup(): Builder {
    return this.word('allowDup');
  }

  /** Allows `fcntl` for the flags of an fd (O_ASYNC excepted), locks, and duplicates. */
  allowSafeFcntl(): Builder {
    return this.word('allowSafeFcntl');
  }

  /** Allows `ioctl` with TCGETS: whether an fd is a terminal. */
  allowTCGETS(): Builder {
    return this.word('allowTCGETS');
  }

  /** Allows `sendmsg`, `recvmsg`, `shutdown` on the comms fd. */
  allowComms(): Builder {
    return this.word('allowComms');
  }

  // Files by path, resolved by the kernel: what they reach is for mounts and Landlock to say

  /** Allows `creat`, `open`, `openat`. */
  allowOpen(): Builder {
    return this.word('allowOpen');
  }

  /** Allows `fstat`, `fstatfs`, `lstat`, `newfstatat`, `stat`, `statfs`, `statx`. */
  allowStat(): Builder {
    return this.word('allowStat');
  }

  /** Allows `access`, `faccessat`, `faccessat2`. */
  allowAccess(): Builder {
    return this.word('allowAccess');
  }

  /** Allows `readlink`, `readlinkat`. */
  allowReadlink(): Builder {
    return this.word('allowReadlink');
  }

  /** Allows `getdents`, `getdents64`. */
  allowReaddir(): Builder {
    return this.word('allowReaddir');
  }

  /** Allows `link`, `linkat`. */
  allowLink(): Builder {
    return this.word('allowLink');
  }

  /** Allows `symlink`, `symlinkat`. */
  allowSymlink(): Builder {
    return this.word('allowSymlink');
  }

  /** Allows `mkdir`, `mkdirat`. */
  allowMkdir(): Builder {
    return this.word('allowMkdir');
  }

  /** Allows `rmdir`, `unlink`, `unlinkat`. */
  allowUnlink(): Builder {
    return this.word('allowUnlink');
  }

  /** Allows `rename`, `renameat`, `renameat2`. */
  allowRename(): Builder {
    return this.word('allowRename');
  }

  /** Allows `chmod`, `fchmod`, `fchmodat`, `fchmodat2`. */
  allowChmod(): Builder {
    return this.word('allowChmod');
  }

  /** Allows `chown`, `lchown`, `fchown`, `fchownat`. */
  allowChown(): Builder {
    return this.word('allowChown');
  }

  /** Allows `futimesat`, `utime`, `utimes`, `utimensat`. */
  allowUtime(): Builder {
    return this.word('allowUtime');
  }

  // Memory

  /**
   * Allows `brk`, `munmap`, `mremap` that may move, `mmap` of private anonymous memory without PROT_EXEC, `futex` with
   * FUTEX_WAKE.
   */
  allowSystemMalloc(): Builder {
    return this.word('allowSystemMalloc');
  }

  /**
   * Allows `brk`, `munmap`, `mincore`, `madvise` as allowLimitedMadvise(), `mmap` and `mprotect` as TCMalloc makes
   * them, `prctl` that names memory, `rseq`, `getcpu`, `membarrier`, `rt_sigprocmask` with SIG_SETMASK, `futex` with
   * FUTEX_WAIT and FUTEX_WAKE, `read`, `readv`, `preadv`, `preadv2`, `pread64`, `lseek`, `close`, `poll`, `ppoll`,
   * `nanosleep`, what allowTime() does (`clock_getres`, `clock_gettime`, `gettimeofday`, `time`) and `getpid`,
   * `getppid`, `gettid`. Unless another rule says more, `open` and `openat` are ENOENT and `process_vm_readv` is
   * ENOSYS.
   */
  allowTcMalloc(): Builder {
    return this.word('allowTcMalloc');
  }

  /**
   * Allows `munmap`, `mmap` as Scudo makes it, `madvise` as allowLimitedMadvise() and allowWipeOnFork(), `futex` with
   * FUTEX_WAKE, `getrandom`, `nanosleep`, `clock_getres`, `clock_gettime`, `gettimeofday`, `time`, `getpid`, `getppid`,
   * `gettid`. Unless another rule says more, `open` and `openat` are ENOENT.
   */
  allowScudoMalloc(): Builder {
    return this.word('allowScudoMalloc');
  }

  /**
   * Allows `madvise` that gives memory back or says how it will be used: MADV_DONTNEED, MADV_DONTNEED_LOCKED,
   * MADV_REMOVE, MADV_SEQUENTIAL, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLLAPSE, MADV_DONTDUMP.
   */
  allowLimitedMadvise(): Builder {
    return this.word('allowLimitedMadvise');
  }

  /** Allows `madvise` with MADV_POPULATE_READ and MADV_POPULATE_WRITE. */
  allowMadvisePopulate(): Builder {
    return this.word('allowMadvisePopulate');
  }

  /** Allows `madvise` with MADV_WIPEONFORK, and with -1, by which programs find out whether it works. */
  allowWipeOnFork(): Builder {
    return this.word('allowWipeOnFork');
  }

  /** Allows `mlock`, `munlock`, `mlock2`. */
  allowMlock(): Builder {
    return this.word('allowMlock');
  }

  /** Allows `mmap` of anything, without PROT_EXEC. */
  allowMmapWithoutExec(): Builder {
    return this.word('allowMmapWithoutExec');
  }

  /** Allows `mprotect` without PROT_EXEC. */
  allowMprotectWithoutExec(): Builder {
    return this.word('allowMprotectWithoutExec');
  }

  /** Allows `pkey_mprotect` without PROT_EXEC. */
  allowPkeyMprotectWithoutExec(): Builder {
    return this.word('allowPkeyMprotectWithoutExec');
  }

  /** Allows `mmap` of an fd, shared and without PROT_EXEC, and `munmap`, `fstat`, `close`. */
  allowSharedMemory(): Builder {
    return this.word('allowSharedMemory');
  }

  /**
   * Allows what allowSharedMemory() does (`mmap`, `munmap`, `fstat`, `close`), and `futex` with FUTEX_WAIT and
   * FUTEX_WAKE.
   */
  allowSharedMemoryComms(): Builder {
    return this.word('allowSharedMemoryComms');
  }

  // Threads and processes

  /**
   * Allows what a static program does before main: `uname`, `brk`, `set_tid_address`, `set_robust_list`, `rseq`,
   * `rt_sigprocmask`, `getrlimit`, `prlimit64` that reads the caller's own limits, `getrandom`, `arch_prctl` with
   * ARCH_SET_FS, `futex` with FUTEX_WAIT_BITSET, `rt_sigaction` for the signals of the C library, `mprotect` to
   * PROT_READ. Unless another rule says more, `readlink` and `readlinkat` are ENOENT and `sigaltstack` is ENOSYS.
   */
  allowStaticStartup(): Builder {
    return this.word('allowStaticStartup');
  }

  /** Allows `exit`, `exit_group`. */
  allowExit(): Builder {
    return this.word('allowExit');
  }

  /** Allows `clone` of a thread as pthread_create makes it, `futex` as threads use it, `set_robust_list`, `rseq`. */
  allowThreads(): Builder {
    return this.word('allowThreads');
  }

  /** Allows `fork`, `vfork`, `clone`; into no namespace of its own. */
  allowFork(): Builder {
    return this.word('allowFork');
  }

  /** Allows `wait4`, `waitid`. */
  allowWait(): Builder {
    return this.word('allowWait');
  }

  /** Allows `kill`, `tgkill`, `tkill`. */
  allowKill(): Builder {
    return this.word('allowKill');
  }

  /** Allows `rt_sigaction`, `rt_sigreturn`, `rt_sigprocmask`, `sigaltstack`, `restart_syscall`. */
  allowHandleSignals(): Builder {
    return this.word('allowHandleSignals');
  }

  /** Allows `prctl` with PR_SET_NAME. */
  allowPrctlSetName(): Builder {
    return this.word('allowPrctlSetName');
  }

  /** Allows `prctl` with PR_SET_VMA and PR_SET_VMA_ANON_NAME. */
  allowPrctlSetVma(): Builder {
    return this.word('allowPrctlSetVma');
  }

  // Time, identity, limits

  /** Allows `clock_getres`, `clock_gettime`, `gettimeofday`, `time`. */
  allowTime(): Builder {
    return this.word('allowTime');
  }

  /** Allows `clock_nanosleep`, `nanosleep`. */
  allowSleep(): Builder {
    return this.word('allowSleep');
  }

  /** Allows `alarm`, `setitimer`. */
  allowAlarm(): Builder {
    return this.word('allowAlarm');
  }

  /** Allows `timer_create`, `timer_delete`, `timer_settime`, `timer_gettime`, `timer_getoverrun`. */
  allowPosixTimers(): Builder {
    return this.word('allowPosixTimers');
  }

  /** Allows `getuid`, `geteuid`, `getresuid`, `getgid`, `getegid`, `getresgid`, `getgroups`. */
  allowGetIDs(): Builder {
    return this.word('allowGetIDs');
  }

  /** Allows `getpid`, `getppid`, `gettid`. */
  allowGetPIDs(): Builder {
    return this.word('allowGetPIDs');
  }

  /** Allows `getpgid`, `getpgrp`. */
  allowGetPGIDs(): Builder {
    return this.word('allowGetPGIDs');
  }

  /** Allows `getrlimit`, and `prlimit64` that reads the caller's own limits. */
  allowGetRlimit(): Builder {
    return this.word('allowGetRlimit');
  }

  /** Allows `setrlimit`, and `prlimit64` for the caller's own limits. */
  allowSetRlimit(): Builder {
    return this.word('allowSetRlimit');
  }

  /** Allows `getrandom` with no flag or GRND_NONBLOCK. */
  allowGetRandom(): Builder {
    return this.word('allowGetRandom');
  }
}
