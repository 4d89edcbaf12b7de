import { TimeoutError } from '../errors.js';
import type { Binding } from './binding.js';
import type { Expiring } from './deadlines.js';

/** A call that was made here, until its answer has come: also when nobody waits for that any more. */
export abstract class Pending implements Expiring {
  readonly id: number;
  readonly binding: Binding;
  readonly name: string;
  bytes = 0;
  fds = 0;
  deadline = Infinity;
  /** Nobody waits: the answer is drained, and what it carries closed. */
  isAbandoned = false;
  readonly #cancel: (call: Pending) => void;
  #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.abandon(this.#signal?.reason);

  constructor(
    id: number,
    binding: Binding,
    name: string,
    signal: AbortSignal | undefined,
    cancel: (call: Pending) => void,
  ) {
    this.id = id;
    this.binding = binding;
    this.name = name;
    this.#cancel = cancel;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The codes that it may fail with. */
  abstract readonly errors: readonly string[];
  /** It ends with this error, by the other side's word or by ours. */
  protected abstract reject(error: unknown): void;

  /** The caller gives up: it is told at once, and so is the other side. */
  abandon(reason: unknown): void {
    if (this.isAbandoned) return;
    this.isAbandoned = true;
    this.settle();
    this.reject(reason);
    this.#cancel(this);
  }

  fail(error: unknown): void {
    this.settle();
    if (!this.isAbandoned) this.reject(error);
  }

  expire(): void {
    this.deadline = Infinity;
    this.abandon(new TimeoutError(`${this.name} was not answered in time`));
  }

  /** Nothing ends it any more but its answer. */
  settle(): void {
    this.deadline = Infinity;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#signal = undefined;
  }
}
