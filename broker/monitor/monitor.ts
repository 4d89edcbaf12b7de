import * as native from '../../native/broker.js';
import type { ResolvedHooks } from '../hooks.js';
import { errnoName } from '../kernel-names.js';
import type { CommsNumber } from '../policy/comms-number.js';
import { describeArchitecture, describeSyscall } from '../policy/describe.js';
import { type CompiledPolicy, foreignReason, type Policy, type Reason } from '../policy/index.js';
import { X32_SYSCALL_BIT } from '../policy/syscalls/index.js';
import type { Denial, PermittedSyscall, ReportedSyscall, SyscallOffence } from '../result.js';
import { TracedCalls } from './traced-calls.js';

export interface MonitorHandlers {
  readonly onDenial: (denial: Denial) => void;
  /** Denials that came faster than they were taken, and are only counted. */
  readonly onDropped: (count: number) => void;
  readonly onPermitted: (permitted: PermittedSyscall) => void;
  readonly onPermittedDropped: (count: number) => void;
  /**
   * Called once. The tree is already killed, unless the thread is held for its stack: then it is killed when `release()`
   * is called, or the time to hold is over.
   */
  readonly onViolation: (offence: SyscallOffence, held: native.HeldThread | null) => void;
  /** The monitor cannot go on, and has killed the tree. */
  readonly onFailure: (message: string) => void;
  readonly onHookError: (error: unknown) => void;
}

/** What the monitor goes by. */
export interface Monitored {
  readonly policy: Policy;
  /** The same as this sandboxee has it. */
  readonly compiled: CompiledPolicy;
  /** The number of the comms fd inside. */
  readonly comms: CommsNumber;
  /** The exec that begins the program, where the filter was there before it. */
  readonly begins: native.FirstExec | undefined;
  readonly hooks: ResolvedHooks;
  /** For how long the thread of a violation is held, at most. Milliseconds; 0 is not at all. */
  readonly holdTime: number;
}

/** Least milliseconds between two reports: the monitor kills by itself, so that nothing waits for them but the telling. */
const PAUSE = 20;

/**
 * The JavaScript half of the thread that answers one sandboxee's syscalls. The thread decides and kills by itself, from
 * the compiled policy's tables; this half puts into words what it reports, in batches of bounded size, and asks the app about
 * the calls that are traced.
 */
export class Monitor implements Disposable {
  readonly #native: native.Monitor;
  readonly #policy: Policy;
  readonly #comms: CommsNumber;
  readonly #handlers: MonitorHandlers;
  readonly #traced: TracedCalls;
  /** The call that the hook has denied, and why. */
  #denied: { readonly record: native.SyscallRecord; readonly reason: Reason } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastReport = -PAUSE;
  #violated = false;

  /** @param listener owned from now on, also when this throws */
  constructor(listener: number, killPidfd: number, monitored: Monitored, handlers: MonitorHandlers) {
    const { policy, comms, begins, hooks, holdTime } = monitored;
    const { harmlessPaths, ...compiled } = monitored.compiled;
    this.#handlers = handlers;
    this.#policy = policy;
    this.#comms = comms;
    this.#native = new native.Monitor(
      { listener, killPidfd, ...compiled, harmlessPaths: [...harmlessPaths], firstExec: begins ?? null, holdTime },
      () => this.#wake(),
    );
    this.#traced = new TracedCalls(this.#native, {
      hooks,
      onDenied: (record, why) => {
        this.#denied ??= { record, reason: hookReason(why) };
      },
      onErrno: ({ id: _, ...record }, errno) => {
        handlers.onDenial({ ...describe(record), errno, reason: hookReason(`it said ${errno}`) });
      },
      onHookError: handlers.onHookError,
    });
  }

  /** The thread does not wake this side again before a report is taken: a flood of denials costs one report a pause. */
  #wake(): void {
    this.#traced.wake();
    const pause = this.#lastReport + PAUSE - performance.now();
    if (pause <= 0) this.report();
    else this.#timer ??= setTimeout(() => this.report(), pause).unref();
  }

  /** Passes on what has gathered. Also asked for wherever the broker is about to decide how a sandboxee ended. */
  report(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lastReport = performance.now();
    const { denials, dropped, permitted, permittedDropped, violation, held, failure } = this.#native.take();
    for (const { count, ...record } of permitted) this.#handlers.onPermitted({ ...describe(record), count });
    if (permittedDropped > 0) this.#handlers.onPermittedDropped(permittedDropped);
    for (const { errno, ...record } of denials) {
      const reason = this.#policy.reason(record.number, record.args, this.#comms);
      this.#handlers.onDenial({ ...describe(record), errno: errnoName(errno), reason });
    }
    if (dropped > 0) this.#handlers.onDropped(dropped);
    if (violation && !this.#violated) {
      this.#violated = true;
      this.#handlers.onViolation(this.#offenceOf(violation), held);
    }
    if (failure !== null) this.#handlers.onFailure(failure);
  }

  /** What was held for its stack is killed. */
  release(): void {
    this.#native.release();
  }

  #offenceOf(record: native.SyscallRecord): SyscallOffence {
    const syscall = describe(record);
    if (!isNative(record, this.#policy.arch)) {
      return { kind: 'architecture', syscall: { ...syscall, reason: foreignReason(syscall.architecture) } };
    }
    const isDenied = this.#denied !== undefined && isSameCall(this.#denied.record, record);
    const reason = isDenied ? this.#denied?.reason : undefined;
    return {
      kind: 'syscall',
      syscall: { ...syscall, reason: reason ?? this.#policy.reason(record.number, record.args, this.#comms) },
    };
  }

  /** Ends the tree first: a sandboxee without its monitor must not go on. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#traced[Symbol.dispose]();
    this.#native.stop();
  }
}

/** x32 has the architecture of x86-64, and a bit of its own in the number. */
function isNative({ arch, number }: native.SyscallRecord, expected: number): boolean {
  return arch >>> 0 === expected >>> 0 && (number & X32_SYSCALL_BIT) === 0;
}

function isSameCall(one: native.SyscallRecord, other: native.SyscallRecord): boolean {
  return (
    one.tid === other.tid &&
    one.number === other.number &&
    one.instructionPointer === other.instructionPointer &&
    one.args.every((value, index) => value === other.args[index])
  );
}

function hookReason(said: string): Reason {
  return { by: 'hook', rule: `by the trace hook: ${said}`, hint: 'hooks.trace() of launch() decides on this call' };
}

function describe(record: native.SyscallRecord): ReportedSyscall {
  return {
    ...describeSyscall(record),
    thread: record.tid,
    instructionPointer: record.instructionPointer,
    architecture: describeArchitecture(record.arch, record.number),
  };
}
