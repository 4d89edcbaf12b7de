import { ProtocolError } from '../errors.js';
import { Frame } from '../frame.js';
import { PART } from '../limits.js';
import { Tag } from '../tags.js';

/** Gathers a large answer from its parts. They are kept as they come: nothing is made room for on the peer's word. */
export class Parts {
  readonly #max: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** @param max bytes of an answer */
  constructor(max: number) {
    this.#max = max;
  }

  /** Returns the answer, with the last part of it. */
  add({ bytes, start, end }: Frame): Frame | null {
    const isLast = bytes[start];
    if (isLast !== 0 && isLast !== 1)
      throw new ProtocolError('the peer sent a part that is neither the last nor another');
    // Else there could be a million of them for the bytes of a few.
    if (isLast === 0 && end - start - 1 !== PART)
      throw new ProtocolError(`the peer sent a part of ${end - start - 1} bytes`);
    this.#bytes += end - start - 1;
    if (this.#bytes > this.#max) throw new ProtocolError(`the peer sent parts of more than ${this.#max} bytes`);
    this.#parts.push(Buffer.from(bytes.subarray(start + 1, end)));
    if (isLast === 0) return null;
    const whole = Buffer.concat(this.#parts, this.#bytes);
    this.clear();
    // As long as the head of a Return at the least.
    if (whole.length < 8) throw new ProtocolError('the peer sent an answer of parts that is cut short');
    const frame = new Frame(whole);
    frame.set(Tag.Return, whole, 0, whole.length, true);
    return frame;
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
