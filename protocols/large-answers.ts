import { PART } from './limits.js';
import type { Outbox } from './outbox.js';
import { Tag } from './tags.js';
import { KiB, MiB } from './units.js';

/** Bytes that an answer may have, a mebibyte of data included, and go whole where little is queued. */
const WHOLE = MiB + 64 * KiB;
/** Bytes of queued output above which the next part waits. */
const MARK = 64 * KiB;

/**
 * Answers that are too large to go in one frame: what is sent after one, a cancel, credit, an event, a smaller answer, would wait
 * for all of it. They go in parts, one answer after the other, and other frames between the parts. A part is `{u8 1 for the last}`
 * and bytes; all of them together are the payload of a Return.
 */
export class LargeAnswers {
  readonly #outbox: Outbox;
  readonly #waiting: { readonly payload: Buffer; sent: number }[] = [];
  /** That wait here. */
  bytes = 0;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  goesWhole(length: number): boolean {
    return length <= PART || (length <= WHOLE && this.#waiting.length === 0 && !this.#isCongested());
  }

  /** @param payload owned */
  push(payload: Buffer): void {
    this.#waiting.push({ payload, sent: 0 });
    this.bytes += payload.length;
    this.goOn();
  }

  /** Sends as many parts as may go now. */
  goOn(): void {
    for (let first = this.#waiting[0]; first !== undefined && !this.#isCongested(); first = this.#waiting[0]) {
      const end = Math.min(first.sent + PART, first.payload.length);
      const isLast = end === first.payload.length;
      const part = Buffer.allocUnsafe(1 + end - first.sent);
      part[0] = isLast ? 1 : 0;
      first.payload.copy(part, 1, first.sent, end);
      this.#outbox.frame(Tag.Part, part);
      void this.#outbox.accept();
      this.bytes -= end - first.sent;
      first.sent = end;
      if (isLast) this.#waiting.shift();
    }
  }

  end(): void {
    this.#waiting.length = 0;
    this.bytes = 0;
  }

  #isCongested(): boolean {
    if (this.#outbox.queued <= MARK) return false;
    this.#outbox.tryFlush();
    return this.#outbox.queued > MARK;
  }
}
