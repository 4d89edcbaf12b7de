import { EventEmitter } from 'node:events';
import type TypedEmitter from 'typed-emitter';
import type { Denial, PermittedSyscall, Result, Violation } from './result.js';

/** What `sandboxee.events` tells. No event is called `error`: an unheard one would throw in the broker. */
export type SandboxeeEvents = {
  /** A syscall was answered with an errno. They come in batches, at most 64 every 20 ms. */
  denial: (denial: Denial) => void;
  /** So many denials came faster than that, and are only counted. */
  'denials-dropped': (count: number) => void;
  /**
   * Under `dangerouslyPermitAllAndLog`: a call that no rule decides, and that went on. Those that are the same in everything
   * are told as one; at most 64 every 20 ms.
   */
  permitted: (permitted: PermittedSyscall) => void;
  /** So many permitted calls came faster than that. */
  'permitted-dropped': (count: number) => void;
  /** A syscall or message that ends the sandboxee; `result` follows. */
  violation: (violation: Violation) => void;
  /** Text of its stdout or stderr, escaped. */
  output: (stream: 'stdout' | 'stderr', text: string) => void;
  /** The last event. */
  result: (result: Result) => void;
};

export type Events = TypedEmitter.default<SandboxeeEvents>;

/** Events that came before `release()`, the latest. */
const MOST_HELD = 64;

/**
 * A program may begin, and end, before `launch()` has returned the handle on which somebody could listen; what happens until
 * then is told afterwards.
 */
class LateEmitter extends EventEmitter {
  #held: [string | symbol, unknown[]][] | undefined = [];

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (this.#held === undefined) return super.emit(event, ...values);
    this.#held.push([event, values]);
    if (this.#held.length > MOST_HELD) this.#held.shift();
    return false;
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [event, values] of held) this.emit(event, ...values);
  }
}

export interface Telling {
  readonly events: Events;
  /** From now on events are told as they come. */
  release(): void;
}

const Emitter: new () => Events & LateEmitter = LateEmitter as never;

export function createEvents(): Telling {
  const events = new Emitter();
  return { events, release: () => events.release() };
}
