/**
 * What a policy cannot allow where there are no namespaces: everything that reaches beyond the sandboxee and that Landlock does
 * not hold back. Mount, network, ipc and pid namespaces make the same harmless.
 */
import { constants } from 'node:os';
import { IOCTL, SOCK_TYPE } from './abi.js';
import { allow, arg, arg64, errno, not, when } from './bpf/dsl.js';
import { meet } from './bpf/meet.js';
import { type Action, type Condition, canAllow, type Expression } from './bpf/nodes.js';
import { OWN_PID } from './own-pid.js';
import type { SyscallName } from './syscalls/index.js';

/** How far the rest of the confinement goes. */
export interface Unmediated {
  /** As the kernel reports it. 0: there is no Landlock. */
  readonly landlockAbi: number;
  /** Everything is ended by a signal to its process group, so that nothing may leave it. */
  readonly oneGroup: boolean;
}

interface Withheld {
  readonly syscalls: readonly SyscallName[];
  /** Only calls with such arguments. */
  readonly when?: Condition;
  /** What the kernel itself would say to somebody who may not. */
  readonly errno: number;
  readonly why: string;
  /** Where Landlock does it, from this ABI on. */
  readonly until?: number;
}

const { EACCES, EPERM, ENOTTY } = constants.errno;
const O_TRUNC = 0x200;
/** The low bits of socket's type; the others are SOCK_NONBLOCK and SOCK_CLOEXEC. */
const SOCK_TYPE_BITS = 0xf;
/** The first ABI that keeps signals and abstract sockets inside. */
export const SCOPES_FROM = 6;

/**
 * Terminals, pipes and sockets, and what concerns the fd alone. All others go to drivers and file systems, some of which
 * write through an fd that was opened for reading (FS_IOC_SETFLAGS, the subvolumes of btrfs).
 */
const HARMLESS_REQUESTS: readonly number[] = [
  ...[IOCTL.TCGETS, IOCTL.TCSETS, IOCTL.TCSETSW, IOCTL.TCSETSF, IOCTL.TIOCGWINSZ, IOCTL.TIOCSWINSZ],
  ...[IOCTL.FIONREAD, IOCTL.FIONBIO, IOCTL.FIOCLEX, IOCTL.FIONCLEX],
  ...[0x540f, 0x5410], // TIOCGPGRP, TIOCSPGRP
  ...[0x80086601, 0x40049409, 0x4020940d], // FS_IOC_GETFLAGS, FICLONE, FICLONERANGE
];

const WITHHELD: readonly Withheld[] = [
  {
    syscalls: [
      ...(['chmod', 'fchmod', 'fchmodat', 'fchmodat2', 'chown', 'fchown', 'lchown', 'fchownat'] as const),
      ...(['utime', 'utimes', 'futimesat', 'utimensat', 'file_setattr'] as const),
      ...(['setxattr', 'lsetxattr', 'fsetxattr', 'setxattrat'] as const),
      ...(['removexattr', 'lremovexattr', 'fremovexattr', 'removexattrat'] as const),
    ],
    errno: EPERM,
    why: 'Landlock does not mediate who changes modes, owners, times and attributes',
  },
  {
    syscalls: ['truncate'],
    errno: EACCES,
    why: 'Landlock does not mediate it yet',
    until: 3,
  },
  {
    syscalls: ['open'],
    when: arg(1).hasAny(O_TRUNC),
    errno: EACCES,
    why: 'Landlock does not mediate yet that a file is emptied by opening it for reading',
    until: 3,
  },
  {
    syscalls: ['openat'],
    when: arg(2).hasAny(O_TRUNC),
    errno: EACCES,
    why: 'Landlock does not mediate yet that a file is emptied by opening it for reading',
    until: 3,
  },
  {
    syscalls: ['ioctl'],
    when: not(arg(1).in(...HARMLESS_REQUESTS)),
    errno: ENOTTY,
    why: 'reaches drivers and file systems through fds that may only be read',
  },
  {
    syscalls: ['inotify_add_watch'],
    errno: EACCES,
    why: 'tells what others do with files, by any path',
  },
  {
    syscalls: ['socket', 'connect', 'bind'],
    errno: EACCES,
    why: 'there is no network namespace; Landlock mediates TCP ports only, and no unix socket by its path',
  },
  {
    syscalls: ['sendto'],
    when: arg64(4).ne(0),
    errno: EACCES,
    why: 'names an address, of the host',
  },
  {
    syscalls: ['socketpair'],
    when: not(arg(1).masked(SOCK_TYPE_BITS).in(SOCK_TYPE.SOCK_STREAM, SOCK_TYPE.SOCK_SEQPACKET)),
    errno: EACCES,
    why: 'from a datagram socket any other of the host is reached by its path',
  },
  {
    syscalls: [
      ...(['shmget', 'shmat', 'shmctl', 'semget', 'semop', 'semtimedop', 'semctl'] as const),
      ...(['msgget', 'msgsnd', 'msgrcv', 'msgctl'] as const),
      ...(['mq_open', 'mq_unlink', 'mq_timedsend', 'mq_timedreceive', 'mq_notify', 'mq_getsetattr'] as const),
    ],
    errno: EACCES,
    why: 'there is no ipc namespace',
  },
  {
    syscalls: ['kill', 'tkill', 'tgkill', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo'],
    when: arg(0).ne(OWN_PID),
    errno: EPERM,
    why: 'signals others of the same user, the broker among them',
    until: SCOPES_FROM,
  },
  {
    syscalls: ['pidfd_send_signal'],
    errno: EPERM,
    why: 'signals others of the same user, the broker among them',
    until: SCOPES_FROM,
  },
  {
    syscalls: ['sched_setscheduler', 'sched_setparam', 'sched_setaffinity'],
    when: arg(0).ne(0),
    errno: EPERM,
    why: 'changes how others of the same user are scheduled',
  },
];

/** How everything is ended stands and falls by these; so they are withheld before the gate as well. */
export const LEAVING_THE_GROUP: readonly SyscallName[] = ['setsid', 'setpgid'];

/** `decision`, without what the rest of the confinement does not hold back. A violation stays one. */
export function withholding(
  syscall: SyscallName,
  decision: Expression,
  { landlockAbi, oneGroup }: Unmediated,
): Expression {
  if (!canAllow(decision)) return decision;
  const withheld = WITHHELD.filter(
    ({ syscalls, until = Infinity }) => syscalls.includes(syscall) && landlockAbi < until,
  );
  const kept = withheld.reduce((rest, each) => meet(rest, answerOf(each)), decision);
  return oneGroup && LEAVING_THE_GROUP.includes(syscall) ? meet(kept, errno(EPERM)) : kept;
}

function answerOf({ when: condition, errno: number }: Withheld): Expression {
  if (condition === undefined) return errno(number);
  return when<Action>(condition, errno(number)).otherwise(allow());
}
