import { constants } from 'node:os';
import { type Monitor, TracedAnswer, type TracedRecord } from '../../native/broker.js';
import { escapeText } from '../../protocols/text.js';
import { messageOf, type ResolvedHooks, type TraceDecision, type TracedSyscall } from '../hooks.js';
import { describeSyscall } from '../policy/describe.js';
import { type ErrnoName, isErrnoName } from '../policy/errno-names.js';

export interface TracedCallsOptions {
  readonly hooks: ResolvedHooks;
  /** Right before the tree is killed for it. */
  readonly onDenied: (record: TracedRecord, why: string) => void;
  /** It has been answered so. */
  readonly onErrno: (record: TracedRecord, errno: ErrnoName) => void;
  readonly onHookError: (error: unknown) => void;
}

/** Of the time of the event loop, what a flood of traced calls gets: one part in so many. */
const SHARE = 4;
/** What it may be ahead of that: single calls are answered at once, where a timer would take a millisecond. Milliseconds. */
const AHEAD = 2;
/** Calls that are asked about without a pause. */
const BATCH = 64;

/**
 * Asks the app about the calls that wait in the monitor, and answers each once. The monitor bounds how many wait, and takes
 * no answer for what does not.
 */
export class TracedCalls implements Disposable {
  readonly #native: Pick<Monitor, 'takeTraced' | 'answerTraced'>;
  readonly #options: TracedCallsOptions;
  readonly #waiting = new Set<NodeJS.Timeout>();
  #queue: TracedRecord[] = [];
  #pause: NodeJS.Timeout | undefined;
  /** When what it has had of the event loop is paid for. */
  #paidAt = 0;
  #over = false;

  constructor(monitor: Pick<Monitor, 'takeTraced' | 'answerTraced'>, options: TracedCallsOptions) {
    this.#native = monitor;
    this.#options = options;
  }

  /** To be called at each wake-up of the monitor: costs nothing where no call waits. */
  wake(): void {
    if (this.#over || this.#pause !== undefined) return;
    const pause = this.#paidAt - performance.now();
    if (pause <= AHEAD) this.#askSome();
    else this.#askLater(pause);
  }

  [Symbol.dispose](): void {
    this.#over = true;
    clearTimeout(this.#pause);
    for (const timer of this.#waiting) clearTimeout(timer);
    this.#waiting.clear();
    this.#queue = [];
  }

  #askLater(pause: number): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#askSome();
    }, pause).unref();
  }

  #askSome(): void {
    const begun = performance.now();
    this.#queue.push(...this.#native.takeTraced());
    for (const record of this.#queue.splice(0, BATCH)) this.#ask(record);
    const now = performance.now();
    this.#paidAt = Math.max(this.#paidAt, begun) + (now - begun) * SHARE;
    if (this.#queue.length > 0 && !this.#over) this.#askLater(this.#paidAt - now);
  }

  #ask(record: TracedRecord): void {
    if (this.#over) return;
    const { hooks } = this.#options;
    let decision: TraceDecision | Promise<TraceDecision> | undefined;
    try {
      decision = hooks.trace?.(tracedSyscall(record));
    } catch (error) {
      this.#failed(record, error);
      return;
    }
    if (!isThenable(decision)) this.#decide(record, decision);
    else this.#await(record, decision);
  }

  #await(record: TracedRecord, decision: PromiseLike<TraceDecision>): void {
    const { traceTime } = this.#options.hooks;
    const timer = setTimeout(() => {
      if (settled()) this.#deny(record, `it took longer than ${traceTime} ms`);
    }, traceTime).unref();
    this.#waiting.add(timer);
    const settled = (): boolean => {
      clearTimeout(timer);
      return this.#waiting.delete(timer);
    };
    decision.then(
      (said) => {
        if (settled()) this.#decide(record, said);
      },
      (error: unknown) => {
        if (settled()) this.#failed(record, error);
        else this.#options.onHookError(error);
      },
    );
  }

  #decide(record: TracedRecord, decision: unknown): void {
    if (decision === 'allow') this.#native.answerTraced(record.id, TracedAnswer.Allow);
    else if (decision === 'deny') this.#deny(record, 'it said deny');
    else if (isErrno(decision)) this.#refuse(record, decision.errno);
    else this.#deny(record, 'it said neither allow nor deny nor { errno }');
  }

  #refuse(record: TracedRecord, errno: ErrnoName): void {
    if (this.#native.answerTraced(record.id, constants.errno[errno])) this.#options.onErrno(record, errno);
  }

  #failed(record: TracedRecord, error: unknown): void {
    this.#options.onHookError(error);
    this.#deny(record, `it threw: ${escapeText(messageOf(error), { max: 256 })}`);
  }

  #deny(record: TracedRecord, why: string): void {
    this.#options.onDenied(record, why);
    this.#native.answerTraced(record.id, TracedAnswer.Deny);
  }
}

function tracedSyscall(record: TracedRecord): TracedSyscall {
  const { args, tid, instructionPointer } = record;
  return { ...describeSyscall(record), args, thread: tid, instructionPointer };
}

function isThenable(decision: unknown): decision is PromiseLike<TraceDecision> {
  return typeof decision === 'object' && decision !== null && 'then' in decision && typeof decision.then === 'function';
}

function isErrno(decision: unknown): decision is { readonly errno: ErrnoName } {
  return (
    typeof decision === 'object' &&
    decision !== null &&
    'errno' in decision &&
    typeof decision.errno === 'string' &&
    isErrnoName(decision.errno)
  );
}
