/** Rules on arguments that have a name. The builder's words and the presets are made of them. */
import { constants } from 'node:os';
import {
  ARCH_PRCTL,
  CLOCK,
  CLONE,
  FCNTL,
  FUTEX,
  FUTEX_CLOCK_REALTIME,
  FUTEX_PRIVATE_FLAG,
  GRND,
  MADV,
  MAP,
  MAP_TYPE,
  MAP_TYPE_MASK,
  MREMAP,
  MSG,
  O_ASYNC,
  PR_SET_VMA_ANON_NAME,
  PRCTL,
  PROT,
  SIG,
  SOCK,
} from './abi.js';
import { all, allow, allowWhen, any, arg, arg64, errno, pass, type Rule, when } from './bpf/dsl.js';
import type { Action, Pass } from './bpf/nodes.js';
import { isComms } from './comms-number.js';

// An `int` of a C library's wrapper reaches the kernel with anything in the high word: those rules look at the low one.

const READ_WRITE = PROT.PROT_READ | PROT.PROT_WRITE;

/**
 * mmap of fresh memory without PROT_EXEC. Shared anonymous memory, stacks that grow (MAP_GROWSDOWN) and huge pages are
 * left out: RLIMIT_DATA counts none of the three.
 */
export const mapAnonymous: Rule = allowWhen(
  all(
    arg(2).hasOnly(READ_WRITE),
    arg(3)
      .masked(MAP_TYPE_MASK | MAP.MAP_ANONYMOUS | MAP.MAP_GROWSDOWN | MAP.MAP_HUGETLB)
      .eq(MAP_TYPE.MAP_PRIVATE | MAP.MAP_ANONYMOUS),
    arg(4).eq(-1),
  ),
);

/** mmap of an fd, shared and without PROT_EXEC; at no fixed address. */
export const mapShared: Rule = allowWhen(
  all(arg(2).hasOnly(READ_WRITE), arg(3).masked(~MAP.MAP_POPULATE).eq(MAP_TYPE.MAP_SHARED), arg(4).ne(-1)),
);

/** mmap of anything without PROT_EXEC. */
export const mapWithoutExec: Rule = allowWhen(arg(2).hasNone(PROT.PROT_EXEC));

/** mprotect and pkey_mprotect: none of PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP and what may come. */
export const protectWithoutExec: Rule = allowWhen(arg(2).hasOnly(READ_WRITE));
export const protectWithExec: Rule = allowWhen(arg(2).hasOnly(READ_WRITE | PROT.PROT_EXEC));

/** mremap that grows memory where there is room for it, and never over other memory. */
export const growMemory: Rule = allowWhen(arg(3).eq(MREMAP.MREMAP_MAYMOVE));

const PRIVATE_MEMORY = MAP_TYPE.MAP_PRIVATE | MAP.MAP_ANONYMOUS;

/** mmap and mprotect as TCMalloc makes them: address space is reserved first, and becomes memory later. */
export const tcmallocMap: Rule = allowWhen(
  any(
    all(arg(2).eq(READ_WRITE), arg(3).eq(PRIVATE_MEMORY)),
    all(
      arg(2).eq(0),
      arg(3).in(PRIVATE_MEMORY, PRIVATE_MEMORY | MAP.MAP_NORESERVE, PRIVATE_MEMORY | MAP.MAP_FIXED_NOREPLACE),
    ),
  ),
);
export const tcmallocProtect: Rule = allowWhen(arg(2).in(0, READ_WRITE));

/** mmap as Scudo makes it. */
export const scudoMap: Rule = allowWhen(
  any(
    all(
      arg(2).eq(READ_WRITE),
      arg(3)
        .masked(~(MAP.MAP_FIXED | MAP.MAP_NORESERVE))
        .eq(PRIVATE_MEMORY),
    ),
    all(arg(2).eq(0), arg(3).eq(PRIVATE_MEMORY | MAP.MAP_NORESERVE)),
  ),
);

export const privateMemory: Rule = allowWhen(all(arg(2).eq(READ_WRITE), arg(3).eq(PRIVATE_MEMORY)));

/** madvise that gives memory back, or says how it will be used. */
export const limitedAdvice: Rule = allowWhen(
  arg(2).in(
    MADV.MADV_SEQUENTIAL,
    MADV.MADV_DONTNEED,
    MADV.MADV_DONTNEED_LOCKED,
    MADV.MADV_REMOVE,
    MADV.MADV_HUGEPAGE,
    MADV.MADV_NOHUGEPAGE,
    MADV.MADV_DONTDUMP,
    MADV.MADV_COLLAPSE,
  ),
);
export const populate: Rule = allowWhen(arg(2).in(MADV.MADV_POPULATE_READ, MADV.MADV_POPULATE_WRITE));

/** -1: programs ask first whether unknown advice is refused, since some emulators ignore all of it. */
export const wipeOnFork: Rule = allowWhen(arg(2).in(MADV.MADV_WIPEONFORK, -1));

/** What allocators and V8 say of their own memory. */
export const adviseOwnMemory: Rule = allowWhen(
  arg(2).in(
    MADV.MADV_DONTNEED,
    MADV.MADV_FREE,
    MADV.MADV_DONTFORK,
    MADV.MADV_HUGEPAGE,
    MADV.MADV_NOHUGEPAGE,
    MADV.MADV_DONTDUMP,
  ),
);

/** The operations of mutexes, condition variables and semaphores. */
export const threadFutex: Rule = allowWhen(
  arg(1).in(
    FUTEX.FUTEX_WAIT,
    FUTEX.FUTEX_WAKE,
    FUTEX.FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
    FUTEX.FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
    FUTEX.FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG,
    FUTEX.FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG,
    FUTEX.FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
    FUTEX.FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME,
    FUTEX.FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | FUTEX_PRIVATE_FLAG,
  ),
);

export const replaceSignalMask: Rule = allowWhen(arg(0).eq(SIG.SIG_SETMASK));

/** SIGCANCEL and SIGSETXID, which the C library keeps for itself. */
export const handleOwnSignals: Rule = allowWhen(arg(0).in(32, 33));

/** One futex operation, private to the process or not. */
export function futexOperation(operation: number): Rule {
  return allowWhen(arg(1).in(operation, operation | FUTEX_PRIVATE_FLAG));
}

const THREAD =
  CLONE.CLONE_VM |
  CLONE.CLONE_FS |
  CLONE.CLONE_FILES |
  CLONE.CLONE_SIGHAND |
  CLONE.CLONE_THREAD |
  CLONE.CLONE_SYSVSEM |
  CLONE.CLONE_SETTLS |
  CLONE.CLONE_PARENT_SETTID |
  CLONE.CLONE_CHILD_CLEARTID;

/** CLONE_DETACHED: without effect since 2.6, but musl passes it. */
const MUSL_THREAD = THREAD | 0x400000;

/** clone as pthread_create calls it, to the bit: a thread and never a process. */
export const cloneThread: Rule = allowWhen(arg(0).in(THREAD, MUSL_THREAD));

/** prlimit64 that reads a limit of the caller: the pointer to new limits is NULL. */
export const readOwnLimits: Rule = allowWhen(all(arg(0).eq(0), arg64(2).eq(0)));

export const random: Rule = allowWhen(arg(2).in(0, GRND.GRND_NONBLOCK));

/** The first thing that a program on x86-64 does. */
export const setThreadPointer: Rule = allowWhen(arg(0).eq(ARCH_PRCTL.ARCH_SET_FS));

/** What a dynamic loader maps: segments of files, memory for their zeros, and code that is not writable. */
const loaderFlags = arg(3).masked(~(MAP.MAP_FIXED | MAP.MAP_DENYWRITE));
export const loaderMap: Rule = allowWhen(
  any(
    all(arg(2).in(PROT.PROT_READ, PROT.PROT_READ | PROT.PROT_EXEC), loaderFlags.eq(MAP_TYPE.MAP_PRIVATE)),
    all(arg(2).eq(READ_WRITE), loaderFlags.in(MAP_TYPE.MAP_PRIVATE, PRIVATE_MEMORY)),
  ),
);
export const loaderProtect: Rule = allowWhen(arg(2).in(0, PROT.PROT_READ, READ_WRITE, PROT.PROT_READ | PROT.PROT_EXEC));
export const protectForReading: Rule = allowWhen(arg(2).eq(PROT.PROT_READ));

export const setThreadName: Rule = allowWhen(arg(0).eq(PRCTL.PR_SET_NAME));
export const nameMemory: Rule = allowWhen(all(arg(0).eq(PRCTL.PR_SET_VMA), arg64(1).eq(PR_SET_VMA_ANON_NAME)));

/** fcntl on the fd's own flags; F_SETFL without O_ASYNC, which has the kernel send signals. */
export const fdFlags: Rule = allowWhen(
  any(arg(1).in(FCNTL.F_GETFD, FCNTL.F_SETFD, FCNTL.F_GETFL), all(arg(1).eq(FCNTL.F_SETFL), arg(2).hasNone(O_ASYNC))),
);

/** fcntl that duplicates an fd to a free number, which that of comms never is. */
export const duplicateFd: Rule = allowWhen(arg(1).in(FCNTL.F_DUPFD, FCNTL.F_DUPFD_CLOEXEC));

export const fileLocks: Rule = allowWhen(arg(1).in(FCNTL.F_GETLK, FCNTL.F_SETLK, FCNTL.F_SETLKW));

/** Only on the comms socket: on any other, sendmsg names an address or passes an fd to whoever listens there. */
export const onComms: Rule = allowWhen(isComms(0));

/** Of the flags those that comms is spoken with: MSG_OOB and MSG_PEEK with fds are kernel code that attacks begin in. */
export const sendOnComms: Rule = allowWhen(all(isComms(0), arg(2).hasOnly(MSG.MSG_DONTWAIT | MSG.MSG_NOSIGNAL)));
export const receiveOnComms: Rule = allowWhen(all(isComms(0), arg(2).hasOnly(MSG.MSG_DONTWAIT | MSG.MSG_CMSG_CLOEXEC)));

/** pipe2 without O_DIRECT, and without O_NOTIFICATION_PIPE, which is another thing under the same name. */
export const plainPipe: Rule = allowWhen(arg(1).hasOnly(SOCK.SOCK_NONBLOCK | SOCK.SOCK_CLOEXEC));

/**
 * fcntl that duplicates an fd is refused, and harmlessly: an epoll watches numbers, not files, and 256 numbers in 256 epolls
 * were a gigabyte of kernel memory that no limit counts, and all the watches that the kernel has for a user (seen).
 */
export const refuseDuplicates: Rule = when<Action | Pass>(
  arg(1).in(FCNTL.F_DUPFD, FCNTL.F_DUPFD_CLOEXEC),
  errno(constants.errno.EPERM),
).otherwise(pass());

/** Sleep by the clocks that everyone has. */
export const sleepOnUsualClocks: Rule = allowWhen(arg(0).in(CLOCK.CLOCK_REALTIME, CLOCK.CLOCK_MONOTONIC));

export const always: Rule = allow();
