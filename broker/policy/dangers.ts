/** Syscalls that a policy may allow, and that deserve a second look where it does. */
import type { SyscallName } from './syscalls/index.js';

export interface Danger {
  readonly syscalls: readonly SyscallName[];
  readonly why: string;
  /** A rule on the arguments is look enough. */
  readonly unlessRuled?: true;
}

const DANGERS: readonly Danger[] = [
  { syscalls: ['execve', 'execveat'], why: 'runs any program that the sandboxee can reach, or has written' },
  { syscalls: ['fork', 'vfork'], why: 'makes processes; only the limits bound how many' },
  { syscalls: ['clone'], why: 'makes processes, not only threads; allowThreads() makes threads', unlessRuled: true },
  {
    syscalls: ['kill', 'tkill', 'tgkill', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo', 'pidfd_send_signal'],
    why: 'signals every process of the same user where neither a pid namespace nor Landlock holds it back',
    unlessRuled: true,
  },
  { syscalls: ['memfd_create'], why: 'makes memory that no resource limit counts' },
  { syscalls: ['socket'], why: 'speaks to the network where no namespace cuts it off', unlessRuled: true },
  { syscalls: ['connect', 'bind'], why: 'names an address that a filter cannot see' },
  {
    syscalls: ['sendmsg', 'sendmmsg', 'sendto', 'recvmsg', 'recvmmsg'],
    why: 'passes fds, and names addresses, on any socket; allow it for one fd',
    unlessRuled: true,
  },
  { syscalls: ['socketpair'], why: 'holds fds in flight, which count against the user and so against the broker' },
  { syscalls: ['ioctl'], why: 'has a thousand commands for every driver; allow single requests', unlessRuled: true },
  { syscalls: ['prctl'], why: 'has dozens of operations; allow single ones', unlessRuled: true },
  {
    syscalls: ['shmget', 'shmat', 'shmctl', 'msgget', 'msgsnd', 'msgrcv', 'semget', 'semop', 'mq_open'],
    why: 'is shared with other processes of the host where no IPC namespace cuts it off, and outlives the sandboxee',
  },
  { syscalls: ['splice', 'tee'], why: 'has broken copy-on-write before' },
];

/** `undefined`: none that is known here. */
export function dangerOf(syscall: SyscallName): Danger | undefined {
  return DANGERS.find(({ syscalls }) => syscalls.includes(syscall));
}
