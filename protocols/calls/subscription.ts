import { LimitExceeded } from '../errors.js';
import { Queue } from '../queue.js';
import type { Overflow } from '../schema/members.js';
import { Tag } from '../tags.js';
import { BULK_MARK } from './limits.js';
import type { Link } from './link.js';
import type { Service, Subscriber } from './service.js';

/** `{u32 target, u32 ordinal}` */
const HEAD = 8;

/** One event of one remote, on its way to a peer that listens. Holds at most the event's window. */
export class Subscription implements Subscriber {
  readonly #link: Link;
  readonly #target: number;
  readonly #ordinal: number;
  readonly #service: Service;
  readonly #overflow: Overflow;
  readonly #window: number;
  readonly #held = new Queue<Buffer>();

  constructor(link: Link, target: number, ordinal: number, service: Service, overflow: Overflow, window: number) {
    this.#link = link;
    this.#target = target;
    this.#ordinal = ordinal;
    this.#service = service;
    this.#overflow = overflow;
    this.#window = window;
    service.subscribe(ordinal, this);
  }

  push(value: Buffer): void {
    const { maxMessage } = this.#link.port.limits;
    if (HEAD + value.length > maxMessage) throw new LimitExceeded('maxMessage', HEAD + value.length, maxMessage);
    if (this.#held.length === 0 && !this.#link.port.isCongested(BULK_MARK)) {
      this.#send(value);
      return;
    }
    if (this.#held.length < this.#window) {
      this.#held.push(value);
      return;
    }
    if (this.#overflow === 'error') {
      this.end();
      return;
    }
    this.#held.shift();
    this.#held.push(value);
  }

  /** Goes on with what waits. */
  drain(): void {
    while (this.#held.length > 0 && !this.#link.port.isCongested(BULK_MARK)) {
      const next = this.#held.shift();
      if (next !== undefined) this.#send(next);
    }
  }

  end(): void {
    this.close();
    this.#link.simple(Tag.EventsEnded, this.#target, this.#ordinal);
  }

  close(): void {
    this.#service.unsubscribe(this.#ordinal, this);
    this.#held.drain();
  }

  #send(value: Buffer): void {
    const message = Buffer.allocUnsafe(HEAD + value.length);
    message.writeUInt32LE(this.#target, 0);
    message.writeUInt32LE(this.#ordinal, 4);
    value.copy(message, HEAD);
    this.#link.quietly(Tag.Event, message);
  }
}
