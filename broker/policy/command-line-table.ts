/**
 * What ordinary programs do on files that they see, and why: shells, coreutils, Node 20 to 26, Python, git, ImageMagick,
 * ffmpeg, jq, as measured on x86-64 with glibc. A program that is refused what it merely tries goes on without it, so that
 * such calls have an errno; what no program of that kind has any use for is a violation, as is all that is not here.
 */
import { constants as files } from 'node:fs';
import { constants } from 'node:os';
import { AF, FCNTL, IOCTL, PRCTL, SO, SOCK_TYPE, SOCK_TYPE_MASK, SOL_SOCKET } from './abi.js';
import { all, allow, allowWhen, any, arg, type Condition, deny, errno, type Rule, when } from './bpf/dsl.js';
import type { Action, Pass } from './bpf/nodes.js';
import type { Row } from './preset-tables.js';
import * as rules from './rules.js';
import type { SyscallName } from './syscalls/index.js';

const { EACCES, EINVAL, ENOSYS, ENOTTY, EOPNOTSUPP, EPERM } = constants.errno;
const { S_IFMT, S_IFREG, S_IFIFO } = files;
/** A file may be made: O_CREAT, and the bit of O_TMPFILE that is not O_DIRECTORY's. */
const MAKES = files.O_CREAT | 0x400000;
/** S_ISUID and S_ISGID. */
const SET_IDS = 0o6000;

function allowed(syscalls: readonly SyscallName[], why: string): Row {
  return { syscalls, rule: allow(), why };
}

function ruled(syscalls: readonly SyscallName[], rule: Rule, why: string): Row {
  return { syscalls, rule, why };
}

function refused(syscalls: readonly SyscallName[], error: number, why: string): Row {
  return { syscalls, rule: errno(error), why };
}

function allowElse(condition: Condition, error: number): Rule {
  return when<Action | Pass>(condition, allow()).otherwise(errno(error));
}

/** A mode without set-ids in the argument; a file with them would run as its owner, on the host as well. */
function withoutSetIds(mode: number): Condition {
  return arg(mode).hasNone(SET_IDS);
}

/** The mode counts, and is not just what the register had, where a file may be made. */
function openWithoutSetIds(flags: number): Rule {
  return allowElse(any(arg(flags).hasNone(MAKES), withoutSetIds(flags + 1)), EPERM);
}

/** Only plain files and FIFOs: no device, no socket that could be connected to. */
function plainNode(mode: number): Rule {
  return allowElse(all(arg(mode).masked(S_IFMT).in(0, S_IFREG, S_IFIFO), withoutSetIds(mode)), EPERM);
}

const FILES: readonly Row[] = [
  allowed(
    ['read', 'readv', 'pread64', 'preadv', 'preadv2', 'write', 'writev', 'pwrite64', 'pwritev', 'pwritev2'],
    'open files',
  ),
  allowed(['close', 'close_range', 'lseek', 'dup', 'dup2', 'dup3', 'pipe', 'pipe2'], 'redirections'),
  allowed(['fstat', 'stat', 'lstat', 'newfstatat', 'statx', 'statfs', 'fstatfs'], 'what a file is'),
  allowed(
    ['access', 'faccessat', 'faccessat2', 'readlink', 'readlinkat', 'getdents', 'getdents64'],
    'looking for files',
  ),
  ruled(['open'], openWithoutSetIds(1), 'what it sees, mounts say; what it may write, Landlock too'),
  ruled(['openat'], openWithoutSetIds(2), 'the same'),
  ruled(['creat'], allowElse(withoutSetIds(1), EPERM), 'the same'),
  allowed(['getcwd', 'chdir', 'fchdir', 'umask'], 'where it is'),
  allowed(['mkdir', 'mkdirat', 'rmdir', 'unlink', 'unlinkat', 'rename', 'renameat', 'renameat2'], 'files come and go'),
  allowed(['link', 'linkat', 'symlink', 'symlinkat'], 'ln, git, npm'),
  ruled(['mknod'], plainNode(1), 'mkfifo'),
  ruled(['mknodat'], plainNode(2), 'mkfifo'),
  ruled(['chmod', 'fchmod'], allowElse(withoutSetIds(1), EPERM), 'chmod +x'),
  ruled(['fchmodat', 'fchmodat2'], allowElse(withoutSetIds(2), EPERM), 'chmod +x'),
  allowed(['chown', 'lchown', 'fchown', 'fchownat'], 'cp -a; to nobody but itself, says the kernel'),
  allowed(['utime', 'utimes', 'futimesat', 'utimensat'], 'touch'),
  allowed(['truncate', 'ftruncate', 'fallocate'], 'writing files'),
  allowed(['fsync', 'fdatasync', 'sync_file_range', 'syncfs', 'sync', 'msync'], 'databases, git'),
  allowed(['flock', 'fadvise64', 'readahead', 'cachestat'], 'locks, hints'),
  allowed(['copy_file_range', 'sendfile', 'splice', 'tee'], 'cp, cat, Node'),
  allowed(
    ['getxattr', 'lgetxattr', 'fgetxattr', 'getxattrat', 'listxattr', 'llistxattr', 'flistxattr', 'listxattrat'],
    'ls, cp',
  ),
  allowed(['setxattr', 'lsetxattr', 'fsetxattr', 'setxattrat'], 'cp -a'),
  allowed(['removexattr', 'lremovexattr', 'fremovexattr', 'removexattrat'], 'cp -a'),
  allowed(['inotify_init', 'inotify_init1', 'inotify_add_watch', 'inotify_rm_watch'], 'fs.watch, tail -f'),
  ruled(['fcntl'], rules.fdFlags, 'O_NONBLOCK, close-on-exec'),
  ruled(['fcntl'], rules.duplicateFd, 'shells put their own fds out of the way'),
  ruled(['fcntl'], rules.fileLocks, 'git, SQLite'),
  ruled(
    ['fcntl'],
    allowWhen(
      arg(1).in(FCNTL.F_OFD_GETLK, FCNTL.F_OFD_SETLK, FCNTL.F_OFD_SETLKW, FCNTL.F_GETPIPE_SZ, FCNTL.F_SETPIPE_SZ),
    ),
    'SQLite; tools that pipe much',
  ),
  ruled(['fcntl'], errno(EINVAL), 'seals, leases, signals for I/O: none'),
];

/** The terminal is a pty of the broker's own making: to change it changes nothing of the user's. */
const TERMINAL: readonly Row[] = [
  ruled(
    ['ioctl'],
    allowElse(
      arg(1).in(
        ...[IOCTL.TCGETS, IOCTL.TCSETS, IOCTL.TCSETSW, IOCTL.TCSETSF],
        ...[IOCTL.TCGETS2, IOCTL.TCSETS2, IOCTL.TCSETSW2, IOCTL.TCSETSF2],
        ...[IOCTL.TIOCGWINSZ, IOCTL.TIOCSWINSZ, IOCTL.TIOCGPGRP, IOCTL.TIOCSPGRP, IOCTL.TIOCGSID],
        ...[IOCTL.TCSBRK, IOCTL.TCXONC, IOCTL.TCFLSH, IOCTL.TIOCOUTQ],
        ...[IOCTL.FIONREAD, IOCTL.FIONBIO, IOCTL.FIOCLEX, IOCTL.FIONCLEX],
      ),
      ENOTTY,
    ),
    'line editing and job control; everything else is what a file that has no such thing says',
  ),
];

const MEMORY: readonly Row[] = [
  allowed(['brk', 'munmap', 'mremap', 'madvise', 'mincore', 'membarrier'], 'memory'),
  allowed(['mmap', 'mprotect', 'pkey_mprotect', 'pkey_alloc', 'pkey_free'], 'libraries and JITs: code is executable'),
  allowed(['mlock', 'mlock2', 'munlock', 'munlockall'], 'within RLIMIT_MEMLOCK'),
  refused(['mlockall'], EPERM, 'would take all memory at once; programs go on'),
  refused(['memfd_create', 'memfd_secret', 'shmget'], ENOSYS, 'memory that no limit counts'),
  refused(
    ['mbind', 'set_mempolicy', 'get_mempolicy', 'set_mempolicy_home_node'],
    ENOSYS,
    'NUMA; x265 and OpenMP do without',
  ),
  refused(
    ['userfaultfd', 'process_madvise', 'process_mrelease', 'move_pages', 'migrate_pages'],
    EPERM,
    'what tools try',
  ),
  refused(['remap_file_pages', 'vmsplice', 'map_shadow_stack', 'mseal'], ENOSYS, 'has substitutes'),
];

const PROCESSES: readonly Row[] = [
  allowed(['clone', 'fork', 'vfork'], 'threads and children; into no namespace (refused.ts)'),
  allowed(['execve', 'execveat'], 'any program that it sees; the filter stays'),
  allowed(['wait4', 'waitid', 'exit', 'exit_group'], 'children end'),
  allowed(['getpid', 'getppid', 'gettid', 'getpgid', 'getpgrp', 'getsid', 'setpgid', 'setsid'], 'job control'),
  allowed(
    ['kill', 'tkill', 'tgkill', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo'],
    'its own: the pid namespace and Landlock keep it from others',
  ),
  allowed(['pidfd_open', 'pidfd_send_signal'], 'the same'),
  allowed(
    ['rt_sigaction', 'rt_sigprocmask', 'rt_sigreturn', 'rt_sigsuspend', 'rt_sigpending', 'rt_sigtimedwait'],
    'signals',
  ),
  allowed(['sigaltstack', 'pause', 'signalfd', 'signalfd4', 'restart_syscall'], 'signals'),
  allowed(['futex', 'futex_waitv', 'set_robust_list', 'get_robust_list', 'set_tid_address', 'rseq'], 'threads'),
  allowed(
    ['arch_prctl', 'set_thread_area', 'get_thread_area', 'personality'],
    'the start of a program (refused.ts has the rest)',
  ),
  ruled(
    ['prctl'],
    allowElse(
      any(
        arg(0).in(
          ...[PRCTL.PR_SET_NAME, PRCTL.PR_GET_NAME, PRCTL.PR_GET_DUMPABLE, PRCTL.PR_CAPBSET_READ],
          ...[
            PRCTL.PR_SET_TIMERSLACK,
            PRCTL.PR_SET_CHILD_SUBREAPER,
            PRCTL.PR_SET_NO_NEW_PRIVS,
            PRCTL.PR_SET_THP_DISABLE,
          ],
        ),
        arg(0).eq(PRCTL.PR_SET_VMA),
      ),
      EINVAL,
    ),
    'names of threads and mappings, what it may do; the rest says that the kernel knows no such thing',
  ),
  allowed(
    ['sched_yield', 'sched_getaffinity', 'sched_setaffinity', 'sched_getparam', 'sched_setparam'],
    'nproc, taskset',
  ),
  allowed(['sched_getscheduler', 'sched_setscheduler', 'sched_getattr', 'sched_setattr'], 'thread pools'),
  allowed(['sched_get_priority_max', 'sched_get_priority_min', 'sched_rr_get_interval', 'getcpu'], 'thread pools'),
  allowed(['getpriority', 'setpriority', 'ioprio_get', 'ioprio_set'], 'nice, of itself'),
  allowed(
    ['getrlimit', 'setrlimit', 'prlimit64', 'getrusage', 'times', 'sysinfo'],
    'ulimit, time; never above the hard limits',
  ),
];

const IDENTITY: readonly Row[] = [
  allowed(['getuid', 'geteuid', 'getgid', 'getegid', 'getresuid', 'getresgid', 'getgroups', 'capget'], 'id, ls'),
  allowed(
    ['setuid', 'setgid', 'setreuid', 'setregid', 'setresuid', 'setresgid', 'setfsuid', 'setfsgid'],
    'to its own ids',
  ),
  allowed(['capset'], 'there is none to gain'),
  refused(['setgroups'], EPERM, 'what the kernel would say'),
  allowed(['uname', 'getrandom'], 'uname, crypto'),
];

const TIME: readonly Row[] = [
  allowed(['clock_gettime', 'clock_getres', 'gettimeofday', 'time', 'clock_nanosleep', 'nanosleep'], 'time'),
  allowed(['alarm', 'getitimer', 'setitimer'], 'timeouts'),
  allowed(['timer_create', 'timer_settime', 'timer_gettime', 'timer_getoverrun', 'timer_delete'], 'timeouts'),
  allowed(['timerfd_create', 'timerfd_settime', 'timerfd_gettime'], 'timeouts'),
  refused(['clock_settime', 'settimeofday', 'clock_adjtime', 'adjtimex'], EPERM, 'what the kernel would say'),
  allowed(['poll', 'ppoll', 'select', 'pselect6', 'eventfd', 'eventfd2'], 'waiting'),
  allowed(['epoll_create', 'epoll_create1', 'epoll_ctl', 'epoll_wait', 'epoll_pwait', 'epoll_pwait2'], 'waiting'),
];

/**
 * Pairs of connected sockets, and no other: a datagram socket of a pair could still name another address, and a unix socket
 * that connects by path reaches daemons of the host wherever their socket is seen.
 */
const SOCKETS: readonly Row[] = [
  ruled(
    ['socketpair'],
    allowElse(
      all(arg(0).eq(AF.AF_UNIX), arg(1).masked(SOCK_TYPE_MASK).in(SOCK_TYPE.SOCK_STREAM, SOCK_TYPE.SOCK_SEQPACKET)),
      EACCES,
    ),
    "Node's channel and stdio to its children",
  ),
  ruled(
    ['socket'],
    when<Action | Pass>(arg(0).in(AF.AF_NETLINK, AF.AF_UNIX), errno(EACCES)).otherwise(deny(EACCES)),
    'no network, which is reported; netlink: what the C library asks by itself; unix: nscd, syslog',
  ),
  refused(['connect', 'bind', 'listen', 'accept', 'accept4'], EACCES, 'of sockets that it was given'),
  allowed(['sendto', 'sendmsg', 'sendmmsg', 'recvfrom', 'recvmsg', 'recvmmsg', 'shutdown'], 'on pairs'),
  allowed(['getsockname', 'getpeername', 'getsockopt'], 'on pairs'),
  ruled(
    ['setsockopt'],
    allowElse(
      all(arg(1).eq(SOL_SOCKET), arg(2).in(SO.SO_RCVBUF, SO.SO_SNDBUF, SO.SO_PASSCRED, SO.SO_RCVTIMEO, SO.SO_SNDTIMEO)),
      EPERM,
    ),
    'on pairs; no filters',
  ),
];

/** What programs try and do without. */
const TRIED: readonly Row[] = [
  refused(['unshare', 'setns', 'chroot', 'mount', 'umount2', 'pivot_root'], EPERM, 'other sandboxes, to fall back'),
  refused(
    ['open_tree', 'open_tree_attr', 'move_mount', 'fsopen', 'fsconfig', 'fsmount', 'fspick', 'mount_setattr'],
    EPERM,
    'the same',
  ),
  refused(['statmount', 'listmount', 'quotactl', 'quotactl_fd', 'uretprobe', 'uprobe'], ENOSYS, 'has substitutes'),
  refused(['name_to_handle_at'], EOPNOTSUPP, 'find, tar'),
  refused(
    ['open_by_handle_at', 'fanotify_init', 'fanotify_mark', 'pidfd_getfd', 'kcmp'],
    EPERM,
    'what the kernel would say',
  ),
  refused(['add_key', 'request_key', 'keyctl', 'seccomp'], EPERM, 'ssh, Python, file'),
  refused(
    ['perf_event_open', 'bpf', 'syslog', 'sethostname', 'setdomainname', 'vhangup'],
    EPERM,
    'perf, dmesg, hostname',
  ),
  refused(['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self'], ENOSYS, 'xz confines itself'),
  refused(['lsm_get_self_attr', 'lsm_set_self_attr', 'lsm_list_modules'], ENOSYS, 'ls -Z'),
  refused(['io_setup', 'io_destroy', 'io_submit', 'io_cancel', 'io_getevents', 'io_pgetevents'], ENOSYS, 'databases'),
  refused(['semget', 'semop', 'semtimedop', 'semctl', 'shmat', 'shmctl', 'shmdt'], ENOSYS, 'System V IPC'),
  refused(['msgget', 'msgsnd', 'msgrcv', 'msgctl'], ENOSYS, 'System V IPC'),
  refused(['mq_open', 'mq_unlink', 'mq_timedsend', 'mq_timedreceive', 'mq_notify', 'mq_getsetattr'], ENOSYS, 'queues'),
  refused(
    ['futex_wake', 'futex_wait', 'futex_requeue', 'file_getattr', 'file_setattr'],
    ENOSYS,
    'newer than programs need',
  ),
];

export const COMMAND_LINE: readonly Row[] = [
  ...FILES,
  ...TERMINAL,
  ...MEMORY,
  ...PROCESSES,
  ...IDENTITY,
  ...TIME,
  ...SOCKETS,
  ...TRIED,
];
