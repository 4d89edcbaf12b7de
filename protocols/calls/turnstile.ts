import type { CallPort } from '../call-port.js';
import { BULK_MARK } from './limits.js';

export interface Waiter {
  wake(): void;
}

/** Streams that may ask their sources for an item at the same time: each may add one to what is queued. */
const MOST = 4;

/**
 * Lets streams ask for their next item a few at a time, and none while much is queued. Without it a thousand streams would
 * each see that there is room, and each fill it.
 */
export class Turnstile {
  readonly #port: CallPort;
  readonly #waiting = new Set<Waiter>();
  #inside = 0;

  constructor(port: CallPort) {
    this.#port = port;
  }

  /** Returns how to leave, which is idempotent; or null, and the waiter is woken when it is worth another try. */
  enter(waiter: Waiter): (() => void) | null {
    if (this.#inside >= MOST || this.#port.isCongested(BULK_MARK)) {
      this.#waiting.add(waiter);
      return null;
    }
    this.#waiting.delete(waiter);
    this.#inside++;
    let isInside = true;
    const leave = (): void => {
      if (!isInside) return;
      isInside = false;
      this.#inside--;
      this.advance();
    };
    // A source that has no item at hand does not keep the others waiting.
    setImmediate(leave);
    return leave;
  }

  /** Gives up waiting. */
  forget(waiter: Waiter): void {
    if (this.#waiting.delete(waiter)) this.advance();
  }

  /** The next one may try. */
  advance(): void {
    for (const first of this.#waiting) {
      first.wake();
      return;
    }
  }
}
