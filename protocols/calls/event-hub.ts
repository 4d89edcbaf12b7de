import { afterTurn } from '../deferred.js';
import { LimitExceeded } from '../errors.js';
import { Queue } from '../queue.js';
import type { AnyType } from '../schema/containers.js';
import type { NamedMember } from '../schema/interface.js';
import type { EventSource, Overflow } from '../schema/members.js';
import { Wakeup } from '../wakeup.js';

export interface HubPort {
  /** Whether anybody listens, from now on. */
  listen(isListening: boolean): void;
  /** A listener of the application's threw. */
  onError(error: unknown): void;
}

/** One event of one remote, here. The other side is asked for it while somebody listens. */
export class EventHub implements EventSource<unknown> {
  readonly #port: HubPort;
  readonly name: string;
  readonly type: AnyType;
  readonly #overflow: Overflow;
  readonly #window: number;
  readonly #listeners = new Set<(value: unknown) => void>();
  readonly #iterations = new Set<Iteration>();
  #ended: { readonly reason: unknown } | null = null;
  /** Came, and are to be delivered when this turn is over. */
  readonly #due: unknown[] = [];
  #endDue: { readonly reason: unknown } | null = null;

  constructor(port: HubPort, { name, value, overflow, window }: Extract<NamedMember, { kind: 'event' }>) {
    this.#port = port;
    this.name = name;
    this.type = value;
    this.#overflow = overflow;
    this.#window = window;
  }

  on(listener: (value: unknown) => void): Disposable {
    // One entry for each call, so that the same function twice is two listeners.
    const entry = (value: unknown): void => listener(value);
    if (this.#ended === null) this.#change(() => this.#listeners.add(entry));
    return { [Symbol.dispose]: () => this.#change(() => this.#listeners.delete(entry)) };
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    const iteration = new Iteration(this.#overflow, this.#window, () =>
      this.#change(() => this.#iterations.delete(iteration)),
    );
    if (this.#ended === null) this.#change(() => this.#iterations.add(iteration));
    else iteration.fail(this.#ended.reason);
    return iteration;
  }

  /** Listeners are called in a turn of their own: they may block on the channel, or close it. */
  deliver(value: unknown): void {
    if (this.#due.push(value) === 1) afterTurn(() => this.#deliverAll());
  }

  #deliverAll(): void {
    for (const value of this.#due.splice(0)) this.#deliver(value);
    if (this.#endDue !== null) this.#endNow(this.#endDue);
  }

  #deliver(value: unknown): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.#port.onError(error);
      }
    }
    for (const iteration of [...this.#iterations]) iteration.push(value);
  }

  /** Nothing more will come than has. */
  end(reason: unknown): void {
    if (this.#due.length > 0) this.#endDue = { reason };
    else this.#endNow({ reason });
  }

  #endNow(ended: { readonly reason: unknown }): void {
    this.#ended = ended;
    this.#listeners.clear();
    for (const iteration of [...this.#iterations]) iteration.fail(ended.reason);
    this.#iterations.clear();
  }

  /** The remote is let go of: the other side is told that nobody listens. */
  stop(reason: unknown): void {
    if (this.#ended !== null) return;
    if (this.#listeners.size + this.#iterations.size > 0) this.#port.listen(false);
    this.#due.length = 0;
    this.#endNow({ reason });
  }

  #change(change: () => unknown): void {
    const before = this.#listeners.size + this.#iterations.size;
    change();
    const after = this.#listeners.size + this.#iterations.size;
    if (this.#ended === null && (before === 0) !== (after === 0)) this.#port.listen(after > 0);
  }
}

/** What a `for await` has not taken yet. */
class Iteration implements AsyncIterator<unknown> {
  readonly #overflow: Overflow;
  readonly #window: number;
  readonly #stop: () => void;
  readonly #values = new Queue<{ readonly value: unknown }>();
  #failure: { readonly reason: unknown } | null = null;
  #isOver = false;
  readonly #wakeup = new Wakeup();

  constructor(overflow: Overflow, window: number, stop: () => void) {
    this.#overflow = overflow;
    this.#window = window;
    this.#stop = stop;
  }

  push(value: unknown): void {
    if (this.#values.length < this.#window) this.#values.push({ value });
    else if (this.#overflow === 'error') {
      this.#stop();
      this.fail(new LimitExceeded('events', this.#window + 1, this.#window, 'more events came than were taken'));
    } else {
      this.#values.shift();
      this.#values.push({ value });
    }
    this.#wakeup.wake();
  }

  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wakeup.wake();
  }

  async next(): Promise<IteratorResult<unknown>> {
    for (;;) {
      const found = this.#values.shift();
      if (found !== undefined) return { done: false, value: found.value };
      if (this.#isOver) return { done: true, value: undefined };
      if (this.#failure !== null) {
        this.#isOver = true;
        throw this.#failure.reason;
      }
      await this.#wakeup.wait();
    }
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#isOver = true;
    this.#stop();
    this.#values.drain();
    this.#wakeup.wake();
    return { done: true, value: undefined };
  }
}
