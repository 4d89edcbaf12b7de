/** Rules on arguments that have a name. The builder's words and the presets are made of them. */
import { COMMS_FD } from '../../protocols/handshake.js';
import {
  CLOCK,
  CLONE,
  FCNTL,
  FUTEX,
  FUTEX_CLOCK_REALTIME,
  FUTEX_PRIVATE_FLAG,
  MADV,
  MAP,
  MAP_TYPE,
  MAP_TYPE_MASK,
  O_ASYNC,
  PR_SET_VMA_ANON_NAME,
  PRCTL,
  PROT,
} from './abi.js';
import { all, allow, allowWhen, any, arg, arg64, type Rule } from './bpf/dsl.js';

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
export const onComms: Rule = allowWhen(arg(0).eq(COMMS_FD));

/** Sleep by the clocks that everyone has. */
export const sleepOnUsualClocks: Rule = allowWhen(arg(0).in(CLOCK.CLOCK_REALTIME, CLOCK.CLOCK_MONOTONIC));

export const always: Rule = allow();
