import * as native from '../../native/broker.js';
import { errnoName } from '../kernel-names.js';
import { describeArchitecture, describeSyscall } from '../policy/describe.js';
import type { CompiledPolicy } from '../policy/policy.js';
import { X32_SYSCALL_BIT } from '../policy/syscalls/index.js';
import type { Denial, RefusedSyscall, SyscallOffence } from '../result.js';

export interface MonitorHandlers {
  readonly onDenial: (denial: Denial) => void;
  /** Denials that came faster than they were taken, and are only counted. */
  readonly onDropped: (count: number) => void;
  /**
   * Called once. The tree is already killed, unless the thread is held for its stack: then it is killed when `release()`
   * is called, or the time to hold is over.
   */
  readonly onViolation: (offence: SyscallOffence, held: native.HeldThread | null) => void;
  /** The monitor cannot go on, and has killed the tree. */
  readonly onFailure: (message: string) => void;
}

/** Least milliseconds between two reports: the monitor kills by itself, so that nothing waits for them but the telling. */
const PAUSE = 20;

/**
 * The JavaScript half of the thread that answers one sandboxee's syscalls. The thread decides and kills by itself, from
 * the compiled policy's tables; this half only puts into words what it reports, in batches of bounded size.
 */
export class Monitor implements Disposable {
  readonly #native: native.Monitor;
  readonly #arch: number;
  readonly #handlers: MonitorHandlers;
  #timer: NodeJS.Timeout | undefined;
  #lastReport = -PAUSE;
  #violated = false;

  /**
   * @param listener owned from now on, also when this throws
   * @param begins the exec that begins the program, where the filter was there before it
   * @param holdTime for how long the thread of a violation is held, at most; milliseconds, 0 is not at all
   */
  constructor(
    listener: number,
    killPidfd: number,
    policy: CompiledPolicy,
    begins: native.FirstExec | undefined,
    holdTime: number,
    handlers: MonitorHandlers,
  ) {
    this.#handlers = handlers;
    this.#arch = policy.arch;
    this.#native = new native.Monitor(
      {
        listener,
        killPidfd,
        arch: policy.arch,
        answers: policy.answers,
        pathArguments: policy.pathArguments,
        unknownAbove: policy.unknownAbove,
        firstExec: begins ?? null,
        pathDenialIsViolation: policy.pathDenialIsViolation,
        harmlessPaths: [...policy.harmlessPaths],
        holdTime,
      },
      () => this.#wake(),
    );
  }

  /** The thread does not wake this side again before a report is taken: a flood of denials costs one report a pause. */
  #wake(): void {
    const pause = this.#lastReport + PAUSE - performance.now();
    if (pause <= 0) this.report();
    else this.#timer ??= setTimeout(() => this.report(), pause).unref();
  }

  /** Passes on what has gathered. Also asked for wherever the broker is about to decide how a sandboxee ended. */
  report(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lastReport = performance.now();
    const { denials, dropped, violation, held, failure } = this.#native.take();
    for (const { errno, ...record } of denials) {
      this.#handlers.onDenial({ ...describe(record), errno: errnoName(errno) });
    }
    if (dropped > 0) this.#handlers.onDropped(dropped);
    if (violation && !this.#violated) {
      this.#violated = true;
      const kind = isNative(violation, this.#arch) ? 'syscall' : 'architecture';
      this.#handlers.onViolation({ kind, syscall: describe(violation) }, held);
    }
    if (failure !== null) this.#handlers.onFailure(failure);
  }

  /** What was held for its stack is killed. */
  release(): void {
    this.#native.release();
  }

  /** Ends the tree first: a sandboxee without its monitor must not go on. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#native.stop();
  }
}

/** x32 has the architecture of x86-64, and a bit of its own in the number. */
function isNative({ arch, number }: native.SyscallRecord, expected: number): boolean {
  return arch >>> 0 === expected >>> 0 && (number & X32_SYSCALL_BIT) === 0;
}

function describe(record: native.SyscallRecord): RefusedSyscall {
  return {
    ...describeSyscall(record),
    thread: record.tid,
    instructionPointer: record.instructionPointer,
    architecture: describeArchitecture(record.arch, record.number),
  };
}
