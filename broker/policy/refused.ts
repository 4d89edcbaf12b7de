/**
 * What every policy refuses, whatever its author says. One table, used twice: stage 0 has it from before the program
 * starts, without a listener, and the late filter repeats it with one.
 */

import { constants } from 'node:os';
import { AF, ARCH_PRCTL, CLONE, FCNTL, IOCTL, O_ASYNC, PRCTL } from './abi.js';
import { all, any, arg, errno, not, violation, when } from './bpf/dsl.js';
import { type Action, type Condition, canAllow, type Expression } from './bpf/nodes.js';
import { isComms, spansComms } from './comms-number.js';
import type { SyscallName } from './syscalls/index.js';

export interface Refusal {
  readonly syscalls: readonly SyscallName[];
  /** Only calls with such arguments. */
  readonly when?: Condition;
  /** `unknown`: ENOSYS without a report, for what libraries probe and have a substitute for. */
  readonly as: 'violation' | 'unknown';
  /** `stage 0`: before the program starts. `gate`: where trusted start-up may do it, but nothing after the gate. */
  readonly from: 'stage 0' | 'gate';
  readonly why: string;
}

const { F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY, F_SETFL } = FCNTL;
const { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK } = AF;
const ARCH_PRCTL_HARMLESS = Object.values(ARCH_PRCTL).filter((code) => code !== ARCH_PRCTL.ARCH_SET_CPUID);

const NEW_NAMESPACES =
  CLONE.CLONE_NEWNS |
  CLONE.CLONE_NEWCGROUP |
  CLONE.CLONE_NEWUTS |
  CLONE.CLONE_NEWIPC |
  CLONE.CLONE_NEWUSER |
  CLONE.CLONE_NEWPID |
  CLONE.CLONE_NEWNET;

function violates(syscalls: readonly SyscallName[], why: string): Refusal {
  return { syscalls, as: 'violation', from: 'stage 0', why };
}

function violatesWhen(syscall: SyscallName, condition: Condition, why: string): Refusal {
  return { syscalls: [syscall], when: condition, as: 'violation', from: 'stage 0', why };
}

function violatesAfterGate(syscall: SyscallName, condition: Condition, why: string): Refusal {
  return { syscalls: [syscall], when: condition, as: 'violation', from: 'gate', why };
}

function unknown(syscalls: readonly SyscallName[], why: string): Refusal {
  return { syscalls, as: 'unknown', from: 'stage 0', why };
}

export const REFUSALS: readonly Refusal[] = [
  unknown(['io_uring_setup', 'io_uring_enter', 'io_uring_register'], 'operations on a ring bypass seccomp'),
  unknown(['clone3'], 'its flags lie behind a pointer; libraries fall back to clone'),
  unknown(['openat2'], 'its flags lie behind a pointer; libraries fall back to openat'),

  violates(['ptrace'], 'makes the syscalls of another process'),
  violates(['process_vm_readv', 'process_vm_writev'], 'reads and writes other processes'),
  violates(['process_madvise', 'process_mrelease'], 'takes memory from other processes'),
  violates(['pidfd_getfd'], 'takes fds from other processes'),
  violates(['kcmp'], 'compares kernel pointers of other processes'),
  violates(['userfaultfd'], 'stops the kernel in mid-copy, the usual means to win its races'),
  violates(['bpf'], 'loads programs into the kernel'),
  violates(['perf_event_open'], 'watches other processes and the kernel'),
  violates(['add_key', 'request_key', 'keyctl'], 'keyrings are shared beyond the sandbox'),
  violates(['unshare', 'setns'], 'in a namespace of its own a process has capabilities again'),
  violatesWhen('clone', arg(0).hasAny(NEW_NAMESPACES), 'in a namespace of its own a process has capabilities again'),
  violates(
    ['mount', 'umount2', 'pivot_root', 'chroot', 'fsopen', 'fsconfig', 'fsmount', 'fspick'],
    'changes what paths mean',
  ),
  violates(
    ['open_tree', 'open_tree_attr', 'move_mount', 'mount_setattr', 'statmount', 'listmount'],
    'changes or reveals mounts',
  ),
  violates(['open_by_handle_at', 'name_to_handle_at'], 'opens files without resolving a path'),
  violates(['memfd_secret'], 'memory that the broker can neither see nor count'),
  violates(['fanotify_init'], 'watches and delays the file accesses of others'),
  violates(['kexec_load', 'kexec_file_load', 'reboot'], 'ends the kernel'),
  violates(
    ['init_module', 'finit_module', 'delete_module', 'create_module', 'query_module', 'get_kernel_syms'],
    'changes the kernel',
  ),
  violates(['swapon', 'swapoff', 'acct', 'quotactl', 'quotactl_fd', 'syslog'], 'administers the host'),
  violates(['settimeofday', 'clock_settime', 'clock_adjtime', 'adjtimex'], 'sets the clock of the host'),
  violates(['sethostname', 'setdomainname', 'vhangup'], 'administers the host'),
  violates(['iopl', 'ioperm', 'modify_ldt'], 'reaches hardware, or the oldest code for it'),
  violates(
    ['lookup_dcookie', 'nfsservctl', 'uselib', 'ustat', 'sysfs', '_sysctl'],
    'obsolete, kept alive for nobody but attackers',
  ),
  violates(['mbind', 'migrate_pages', 'move_pages', 'set_mempolicy_home_node'], 'probes and moves physical memory'),
  violates(['vmsplice', 'remap_file_pages'], 'aliases pages in ways that have broken copy-on-write before'),
  violates(['lsm_set_self_attr'], 'changes the label that the host confines by'),
  violatesWhen('personality', not(arg(0).in(0, 0xffffffff)), 'READ_IMPLIES_EXEC and no address randomisation'),

  violatesWhen(
    'prctl',
    arg(0).in(PRCTL.PR_SET_DUMPABLE, PRCTL.PR_SET_MM, PRCTL.PR_SET_PTRACER, PRCTL.PR_SET_SECCOMP),
    'changes who may inspect the process, or its filters',
  ),
  violatesAfterGate('prctl', arg(0).eq(PRCTL.PR_SET_PDEATHSIG), 'would outlive the broker'),
  violatesWhen(
    'arch_prctl',
    not(arg(0).in(...ARCH_PRCTL_HARMLESS)),
    'all but thread pointers, shadow stacks and vector state: remaps the vDSO, faults on CPUID',
  ),
  violatesWhen(
    'ioctl',
    arg(1).in(IOCTL.TIOCSTI, IOCTL.TIOCLINUX, IOCTL.TIOCCONS, IOCTL.TIOCSETD),
    'types on the terminal of the host, or changes its driver',
  ),
  violatesWhen(
    'ioctl',
    arg(1).in(IOCTL.FIOASYNC, IOCTL.FIOSETOWN, IOCTL.SIOCSPGRP),
    'has the kernel signal other processes',
  ),
  violatesWhen(
    'fcntl',
    any(
      arg(1).in(F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY),
      all(arg(1).eq(F_SETFL), arg(2).hasAny(O_ASYNC)),
    ),
    'has the kernel signal other processes: SIGKILL by fcntl',
  ),
  violatesWhen(
    'socket',
    not(arg(0).in(AF_UNIX, AF_INET, AF_INET6, AF_NETLINK)),
    'AF_VSOCK reaches the hypervisor from every namespace; AF_PACKET, AF_ALG, AF_XDP and the rest the network or the kernel',
  ),
  violatesAfterGate('socket', arg(0).eq(AF_NETLINK), 'configures the network; os.networkInterfaces() at start-up'),
  violatesWhen('socketpair', arg(0).ne(AF_UNIX), 'only AF_UNIX has pairs that are worth having'),

  { syscalls: ['seccomp'], as: 'violation', from: 'gate', why: 'with a listener of its own it answers its own calls' },
  violatesAfterGate('prlimit64', arg(0).ne(0), 'reads and sets the limits of others'),
  violatesAfterGate('sched_setattr', arg(0).ne(0), 'changes how others are scheduled'),
  violatesAfterGate('setpriority', not(all(arg(0).eq(0), arg(1).eq(0))), 'changes how others are scheduled'),
  violatesAfterGate('ioprio_set', not(all(arg(0).eq(1), arg(1).eq(0))), 'changes how others are scheduled'),

  violatesAfterGate('close', isComms(0), 'the permit to send goes by the number of the comms fd'),
  violatesAfterGate('dup2', isComms(1), 'the permit to send goes by the number of the comms fd'),
  violatesAfterGate('dup3', isComms(1), 'the permit to send goes by the number of the comms fd'),
  violatesAfterGate('close_range', spansComms(), 'the permit to send goes by the number of the comms fd'),
];

/** Why no policy may allow the syscall with any arguments, or `undefined` where some may. */
export function whyRefusedAltogether(syscall: SyscallName): string | undefined {
  return REFUSALS.find((refusal) => refusal.when === undefined && refusal.syscalls.includes(syscall))?.why;
}

/**
 * `decision`, or what is said of a syscall without a rule where it is `undefined`, with the refusals on top. A decision
 * that allows nothing stays as it is: an errno is as good a refusal, and so is a denial.
 */
export function refusing(
  stage: Refusal['from'],
  syscall: SyscallName,
  decision: Expression | undefined,
): Expression | undefined {
  if (decision === undefined) return inForce(stage, syscall).some(({ as }) => as === 'unknown') ? UNKNOWN : undefined;
  if (!canAllow(decision)) return decision;
  return inForce(stage, syscall).reduceRight<Expression>((rest, refusal) => refuse(refusal, rest), decision);
}

const UNKNOWN: Action = errno(constants.errno.ENOSYS);

function refuse(refusal: Refusal, rest: Expression): Expression {
  const answer = refusal.as === 'unknown' ? UNKNOWN : violation();
  return refusal.when === undefined ? answer : when<Action>(refusal.when, answer).otherwise(rest);
}

const BY_SYSCALL: ReadonlyMap<SyscallName, readonly Refusal[]> = new Map(
  REFUSALS.flatMap(({ syscalls }) => syscalls).map((name) => [
    name,
    REFUSALS.filter(({ syscalls }) => syscalls.includes(name)),
  ]),
);

/** What is refused of a syscall, in the order in which it is asked. */
export function inForce(stage: Refusal['from'], syscall: SyscallName): readonly Refusal[] {
  return (BY_SYSCALL.get(syscall) ?? []).filter(({ from }) => stage === 'gate' || from === stage);
}
