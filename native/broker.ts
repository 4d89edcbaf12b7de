/** The unsafe surface of the broker's addon. */

import { createRequire } from 'node:module';
import { addonPath } from './locate.js';
import { bindShared, type SharedBinding } from './shared.js';

export interface Spawned {
  pid: number;
  /** Close-on-exec; the caller's. */
  pidfd: number;
}

export interface Usage {
  userMs: number;
  systemMs: number;
  /** The largest of any process that was waited for. Across exec the kernel keeps what the memory of before had: that of
   * a program that `spawn` started is at least what the broker's own was then. */
  maxRssBytes: number;
  minorFaults: number;
  majorFaults: number;
  voluntarySwitches: number;
  involuntarySwitches: number;
}

export type ExitStatus = { kind: 'exited'; code: number } | { kind: 'signaled'; signal: number; core: boolean };

/** With what it used up, its waited-for children included. */
export type WaitStatus = ExitStatus & { usage: Usage };

export interface PidfdWatch {
  close(): void;
  ref(): void;
  unref(): void;
}

export interface KernelFeatures {
  /** 0: none. */
  landlockAbi: number;
  waitKillableRecv: boolean;
  /** TSYNC together with a listener. */
  tsyncEsrch: boolean;
  syncWakeUp: boolean;
  /** Whether a listener can give fds to whom it answers. */
  addFd: boolean;
  /** Why there can be no listener, e.g. `EBUSY`; else empty. */
  listenerError: string;
  closeRange: boolean;
  kcmp: boolean;
  /** Whether `spawn` can be given a group: not before Linux 5.7, and not where clone3 is refused, as in some containers. */
  cloneIntoGroup: boolean;
}

export interface SyscallRecord {
  /** AUDIT_ARCH_*. */
  arch: number;
  number: number;
  /** Six. */
  args: bigint[];
  /** In the broker's pid namespace; 0 where it is not visible there. */
  tid: number;
  instructionPointer: bigint;
  /** Six: the text that an argument pointed to, at most 4096 bytes; null where it is no path or was not readable. The
   * sandboxee could change it while it was read: for reports, not for decisions. */
  paths: (string | null)[];
}

export interface DenialRecord extends SyscallRecord {
  /** What it was answered with; positive. */
  errno: number;
}

/** A traced call, which waits until it is answered; nothing was read of the memory. */
export interface TracedRecord extends SyscallRecord {
  id: bigint;
}

export interface PermittedRecord extends SyscallRecord {
  /** Calls that were the same in everything. */
  count: number;
}

/** What `answerTraced` takes; above 0, an errno. */
export const TracedAnswer = { Deny: -1, Allow: 0 } as const;

/** A thread that was stopped for its registers. */
export interface HeldThread {
  tid: number;
  /** 0, or why it could not be stopped: the registers are then 0. ETIMEDOUT: it is in a wait that only SIGKILL ends. */
  errno: number;
  instruction: bigint;
  stack: bigint;
  frame: bigint;
}

export interface MonitorReport {
  /** The latest 64 since the last `take()`. */
  denials: DenialRecord[];
  /** Denials since the last `take()` that are not among them. */
  dropped: number;
  /** The first 64 since the last `take()`. */
  permitted: PermittedRecord[];
  /** Permitted calls that are not among them. */
  permittedDropped: number;
  /** The first; stays in every later report. */
  violation: SyscallRecord | null;
  /** The thread of the violation: where its errno is 0, it is stopped, and the kill waits for `release()`. */
  held: HeldThread | null;
  /** hangup: nobody is under the filter any more. failed: the monitor could not go on, and has killed its sandboxee. */
  ended: 'running' | 'hangup' | 'failed';
  failure: string | null;
}

export interface MonitorOptions {
  /** The seccomp listener: the monitor's from the call on, also when the constructor throws. */
  listener: number;
  /** Whom to kill; stays the caller's. */
  killPidfd: number;
  /** AUDIT_ARCH_*: anything else is a violation. */
  arch: number;
  /**
   * By syscall number: -1 or 0 is a violation; n > 0 is answered with errno n and is a denial; with 0x10000 added, the
   * argument whose index is in bits 20 to 22 is a path. Numbers beyond the end are violations.
   */
  answers: Int32Array;
  /** By syscall number: the argument that is a path, to be read for the report of a violation, or -1. */
  pathArguments: Int8Array;
  pathDenialIsViolation: boolean;
  /** Exact, or a prefix where it ends with '*': answered with the errno, and no denial. */
  harmlessPaths: string[];
  /** Numbers above are answered ENOSYS, without a report. */
  unknownAbove: number;
  /** The filter that the sandboxee is under, for answers with 0x20000: its verdict says which calls are traced (data 1) or
   * permitted (2), and the rest of the answer, or a violation, is for the others. Else empty. */
  program: Uint8Array;
  /** The execveat by which a filtered program begins, admitted once: its thread, its number, its sixth argument. */
  firstExec: FirstExec | null;
  /** For how long the thread of a violation is held before the kill, at most. Milliseconds; 0: not at all. */
  holdTime: number;
}

export interface FirstExec {
  tid: number;
  number: number;
  argument: number;
}

export interface Monitor {
  take(): MonitorReport;
  /** Those that have come to wait since the last call; at most 1024 wait at once, and one more is a violation. */
  takeTraced(): TracedRecord[];
  /** Once for each id. False where its caller waits no more. */
  answerTraced(id: bigint, answer: number): boolean;
  /** What is held for its stack can be killed now. */
  release(): void;
  /** Kills, ends the thread, closes the listener. Idempotent. Waits 100 ms at most. */
  stop(): void;
}

export interface BrokerBinding extends SharedBinding {
  /**
   * Runs a program with an empty environment; child fd i is `fds[i]` of ours, and there are no others. Returns once it
   * has been exec'd. All signals are blocked in it, and all have their default disposition. Reap it with `waitPidfd`.
   *
   * @param group the folder, open, of a control group of version 2 in which it is born
   */
  spawn(path: string, argv: string[], fds: number[], group?: number): Spawned;
  PidfdWatcher: new (pidfd: number, onExit: () => void) => PidfdWatch;
  /** Null: still running. Throws ECHILD when it is not our child, or was reaped. */
  waitPidfd(pidfd: number): WaitStatus | null;
  /** False where the process is no more. */
  signalPidfd(pidfd: number, signal: number): boolean;
  /** Puts a thread before others that could run as well, whoever's it is. False where the kernel refuses, or there is none. */
  hurry(tid: number): boolean;
  /** Unix stream, close-on-exec. */
  socketpair(): [number, number];
  /** [read, write], close-on-exec. */
  pipe(): [number, number];
  /** A memfd of `size` bytes that can be sealed. Where the kernel can, it is executed only if `executable`. */
  createMemory(name: string, size: number, options: { executable: boolean }): number;
  /** `Seal`s, together. */
  seal(fd: number, seals: number): void;
  /** Throws ENOSYS or EPERM where the kernel does not tell. */
  sameFileTable(pid: number, tid: number): boolean;
  /** Closes on a thread of its own. Throws EAGAIN, and the fd stays the caller's, where 4096 wait already. */
  closeLater(fd: number): void;
  reaperPending(): number;
  /** RLIMIT_NOFILE of a process with the caller's own ids, which a pidfd keeps from being another. */
  limitOpenFiles(pid: number, most: number): void;
  /** flock, without waiting: false where another has it. Held until the last duplicate of the fd is closed. */
  lock(fd: number): boolean;
  /**
   * A new pseudoterminal: [broker's side, with O_NONBLOCK; the other], close-on-exec, neither of them the terminal of this
   * process. Its settings and size are those of the terminal `like`, where that is one.
   */
  openTerminal(like: number): [number, number];
  /** Those of the terminal `like`; whoever runs in it gets SIGWINCH. */
  copyWindowSize(like: number, terminal: number): void;
  setWindowSize(terminal: number, rows: number, columns: number): void;
  probe(): KernelFeatures;
  /**
   * Stops threads, at most 1024, tells their registers once they have stopped or 100 ms later, and lets them go on when the
   * function is called that it returns, or `mostMs` later. A blocking call that was interrupted is restarted; epoll_wait
   * and a few more return EINTR, as signal(7) says of a stop.
   */
  holdThreads(tids: number[], mostMs: number, onSettled: (threads: HeldThread[]) => void): () => void;
  /** A whole file of at most so many bytes, in one turn on the thread pool. EFBIG where it is longer. */
  readWhole(path: string, most: number, callback: (error: Error | null, bytes: Buffer) => void): void;
  /**
   * Reads pairs of address and length from a process, at most 1024 and together 1 MiB, on the thread pool. The bytes are
   * at the places where they would all be; `lengths` says how many of each could be read. Its owner may have written
   * anything there, and may be writing.
   */
  readMemory(
    pid: number,
    ranges: BigUint64Array,
    callback: (error: Error | null, bytes: Buffer, lengths: number[]) => void,
  ): void;
  /** `onReport` is called once, and then not again before the next `take()`; and the same for `takeTraced()`. */
  Monitor: new (
    options: MonitorOptions,
    onReport: () => void,
  ) => Monitor;
}

export const binding: BrokerBinding = createRequire(import.meta.url)(addonPath('broker'));
bindShared('broker', binding);

export const {
  spawn,
  waitPidfd,
  signalPidfd,
  hurry,
  socketpair,
  pipe,
  createMemory,
  seal,
  sameFileTable,
  closeLater,
  reaperPending,
  limitOpenFiles,
  lock,
  openTerminal,
  copyWindowSize,
  setWindowSize,
  probe,
  holdThreads,
  readMemory,
  readWhole,
  Monitor,
} = binding;

/** Calls once when the process has ended, and stops. Works on a duplicate: the pidfd stays the caller's. */
export function watchPidfd(pidfd: number, onExit: () => void): PidfdWatch {
  return new binding.PidfdWatcher(pidfd, onExit);
}
