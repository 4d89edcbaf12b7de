import { InvalidArgument } from '../errors.js';
import type { NamedMember } from '../schema/interface.js';
import type { StreamSource } from '../schema/members.js';
import { Tag } from '../tags.js';
import { Wakeup } from '../wakeup.js';
import { BULK_MARK } from './limits.js';
import type { Link } from './link.js';
import type { Waiter } from './turnstile.js';

export interface PumpEnd {
  done(): void;
  cancelled(): void;
  failed(error: unknown): void;
}

/** One step of a sync or an async iterator. */
interface Steps {
  next(): unknown;
  return?(): unknown;
}

/**
 * The serving end of a stream. It asks its source for an item only when the reader has room for one, and little else waits
 * to be sent.
 */
export class StreamPump implements Waiter {
  readonly #link: Link;
  readonly #call: number;
  readonly #member: Extract<NamedMember, { kind: 'stream' }>;
  readonly #source: StreamSource<unknown>;
  readonly #end: PumpEnd;
  #items: number;
  #bytes: number;
  #isCancelled = false;
  readonly #wakeup = new Wakeup();

  constructor(
    link: Link,
    call: number,
    member: Extract<NamedMember, { kind: 'stream' }>,
    source: StreamSource<unknown>,
    end: PumpEnd,
  ) {
    this.#link = link;
    this.#call = call;
    this.#member = member;
    this.#source = source;
    this.#end = end;
    this.#items = member.window;
    this.#bytes = member.windowBytes;
  }

  /** A peer that grants more than there is gains nothing: there is never more than the window. */
  grant(items: number, bytes: number): void {
    this.#items = Math.min(this.#items + items, this.#member.window);
    this.#bytes = Math.min(this.#bytes + bytes, this.#member.windowBytes);
    this.wake();
  }

  wake(): void {
    this.#wakeup.wake();
  }

  cancel(): void {
    this.#isCancelled = true;
    this.wake();
  }

  /** Never rejects. */
  async run(): Promise<void> {
    let steps: Steps | null = null;
    try {
      steps = stepsOf(this.#source, this.#member.name);
      for (;;) {
        const leave = await this.#room();
        if (this.#isCancelled) break;
        const step = (await steps.next()) as IteratorResult<unknown>;
        await this.#calm();
        if (this.#isCancelled) {
          if (step.done !== true) this.#member.item.drop?.(step.value);
          break;
        }
        if (step.done === true) {
          this.#end.done();
          return;
        }
        const bytes = this.#link.reply(Tag.Item, this.#call, this.#member.item, step.value, this.#member.name);
        leave();
        this.#items -= 1;
        this.#bytes -= bytes;
      }
      await steps.return?.();
      this.#end.cancelled();
    } catch (error) {
      await stop(steps);
      this.#end.failed(error);
    }
  }

  /** Waits for credit, and for its turn. Returns how to end that. */
  async #room(): Promise<() => void> {
    while (!this.#isCancelled) {
      const leave = this.#items > 0 && this.#bytes > 0 ? this.#link.turnstile.enter(this) : null;
      if (leave !== null) return leave;
      await this.#wakeup.wait();
    }
    this.#link.turnstile.forget(this);
    return () => {};
  }

  /** An item that was long in coming may find that much has been queued meanwhile. */
  async #calm(): Promise<void> {
    while (!this.#isCancelled && this.#link.port.isCongested(BULK_MARK)) await this.#wakeup.wait();
  }
}

function stepsOf(source: StreamSource<unknown>, name: string): Steps {
  if (typeof source === 'object' && source !== null) {
    if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return source[Symbol.iterator]();
  }
  throw new InvalidArgument(`${name} returned nothing that can be iterated: make it an async generator`);
}

async function stop(steps: Steps | null): Promise<void> {
  try {
    await steps?.return?.();
  } catch {
    // The first error is the one that is told.
  }
}
