import { ClosedError, ProtocolError } from '../errors.js';
import { Queue } from '../queue.js';
import type { NamedMember } from '../schema/interface.js';
import type { RemoteStream } from '../schema/members.js';
import { readMessage } from '../schema/message.js';
import type { Reader } from '../schema/reader.js';
import { Wakeup } from '../wakeup.js';
import type { Binding } from './binding.js';
import type { Expiring } from './deadlines.js';
import { Pending, type PendingOwner } from './pending.js';

export interface StreamPort extends PendingOwner {
  credit(call: Pending, items: number, bytes: number): void;
  /** Its timeout begins. */
  watch(stream: Expiring): void;
}

interface Item {
  readonly value: unknown;
  readonly bytes: number;
}

type State = { readonly kind: 'open' | 'over' } | { readonly kind: 'failed'; readonly error: unknown };

/** The reading end of a stream: holds at most its window, and grants more as items are read. */
export class IncomingStream extends Pending implements RemoteStream<unknown>, AsyncIterator<unknown> {
  readonly #member: Extract<NamedMember, { kind: 'stream' }>;
  readonly #port: StreamPort;
  readonly #timeout: number;
  readonly #items = new Queue<Item>();
  #state: State = { kind: 'open' };
  readonly #wakeup = new Wakeup();
  #isTaken = false;
  /** Sent by the other side, as far as its window goes. */
  #outstandingItems = 0;
  #outstandingBytes = 0;
  #readItems = 0;
  #readBytes = 0;

  constructor(
    id: number,
    binding: Binding,
    signal: AbortSignal | undefined,
    port: StreamPort,
    member: Extract<NamedMember, { kind: 'stream' }>,
    timeout: number,
  ) {
    super(id, binding, member.path, signal, port);
    this.#port = port;
    this.#member = member;
    this.#timeout = timeout;
  }

  get errors(): readonly string[] {
    return this.#member.errors;
  }

  onItem(reader: Reader, bytes: number): void {
    const { window, windowBytes, item } = this.#member;
    if (this.#outstandingItems >= window || this.#outstandingBytes >= windowBytes) {
      reader.handles?.discard();
      throw new ProtocolError(
        `the peer sent more of ${this.name} than its window of ${window} items and ${windowBytes} bytes`,
      );
    }
    this.#outstandingItems += 1;
    this.#outstandingBytes += bytes;
    if (this.isAbandoned) {
      reader.handles?.discard();
      return;
    }
    this.#items.push({ value: readMessage(item, reader, 'an item of ', this.name), bytes });
    this.#wakeup.wake();
  }

  onReturn(): void {
    this.settle();
    if (this.#state.kind === 'open') this.#state = { kind: 'over' };
    this.#wakeup.wake();
  }

  protected reject(error: unknown): void {
    if (this.#state.kind === 'open') this.#state = { kind: 'failed', error };
    // What had arrived can still be read, but for a reader that gave up.
    if (this.isAbandoned) this.#dropItems();
    this.#wakeup.wake();
  }

  async next(): Promise<IteratorResult<unknown>> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#wasRead(item.bytes);
        return { done: false, value: item.value };
      }
      if (this.#state.kind === 'over') return { done: true, value: undefined };
      if (this.#state.kind === 'failed') {
        const { error } = this.#state;
        this.#state = { kind: 'over' };
        throw error;
      }
      if (this.#timeout !== Infinity) {
        this.timeout = this.#timeout;
        this.#port.watch(this);
      }
      await this.#wakeup.wait();
      this.unwatch();
    }
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.cancel();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    if (this.#isTaken) throw new ClosedError(`${this.name} is a stream for one reader, and has one`);
    this.#isTaken = true;
    return this;
  }

  toReadable(): ReadableStream<unknown> {
    const items = this[Symbol.asyncIterator]();
    return new ReadableStream<unknown>(
      {
        pull: async (controller) => {
          const { done, value } = await items.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => this.cancel(),
      },
      { highWaterMark: 0 },
    );
  }

  cancel(): void {
    const wasOpen = this.#state.kind === 'open';
    this.#state = { kind: 'over' };
    this.#dropItems();
    this.#wakeup.wake();
    if (wasOpen) this.abandon(undefined);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  #dropItems(): void {
    for (const { value } of this.#items.drain()) this.#member.item.drop?.(value);
  }

  /** Half a window at a time, or what there is once the reader waits. */
  #wasRead(bytes: number): void {
    this.#readItems += 1;
    this.#readBytes += bytes;
    const { window, windowBytes } = this.#member;
    const isWorth = this.#readItems * 2 >= window || this.#readBytes * 2 >= windowBytes || this.#items.length === 0;
    if (!isWorth || this.#state.kind !== 'open') return;
    this.#outstandingItems -= this.#readItems;
    this.#outstandingBytes -= this.#readBytes;
    this.#port.credit(this, this.#readItems, this.#readBytes);
    this.#readItems = 0;
    this.#readBytes = 0;
  }
}
