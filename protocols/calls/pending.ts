import { TimeoutError } from '../errors.js';
import type { Aborts } from './aborts.js';
import type { Binding } from './binding.js';
import type { Expiring } from './deadlines.js';

export interface PendingOwner {
  readonly aborts: Aborts;
  /** Throws where it may not be sent now, for its size or for the number of others. */
  admit(call: Pending): void;
  /** Tells the other side that nobody waits. */
  cancel(call: Pending): void;
}

/** A call that was made here, until its answer has come: also when nobody waits for that any more. */
export abstract class Pending implements Expiring {
  readonly id: number;
  readonly binding: Binding;
  readonly name: string;
  bytes = 0;
  fds = 0;
  timeout = Infinity;
  deadline = Infinity;
  /** Nobody waits: the answer is drained, and what it carries closed. */
  isAbandoned = false;
  readonly #owner: PendingOwner;
  #signal: AbortSignal | undefined;

  constructor(id: number, binding: Binding, name: string, signal: AbortSignal | undefined, owner: PendingOwner) {
    this.id = id;
    this.binding = binding;
    this.name = name;
    this.#owner = owner;
    this.#signal = signal;
    if (signal !== undefined) owner.aborts.watch(signal, this);
  }

  /** The codes that it may fail with. */
  abstract readonly errors: readonly string[];
  /** It ends with this error, by the other side's word or by ours. */
  protected abstract reject(error: unknown): void;

  /** It is about to be sent. Throws where it may not be. */
  admit(bytes: number, fds: number): void {
    this.bytes = bytes;
    this.fds = fds;
    this.#owner.admit(this);
  }

  /** The caller gives up: it is told at once, and so is the other side. */
  abandon(reason: unknown): void {
    if (this.isAbandoned) return;
    this.isAbandoned = true;
    this.settle();
    this.reject(reason);
    this.#owner.cancel(this);
  }

  fail(error: unknown): void {
    this.settle();
    if (!this.isAbandoned) this.reject(error);
  }

  expire(): void {
    this.abandon(new TimeoutError(`${this.name} was not answered in time`));
  }

  /** Nothing ends it any more but its answer. */
  settle(): void {
    this.unwatch();
    if (this.#signal !== undefined) this.#owner.aborts.unwatch(this.#signal, this);
    this.#signal = undefined;
  }

  protected unwatch(): void {
    this.timeout = Infinity;
    this.deadline = Infinity;
  }
}
