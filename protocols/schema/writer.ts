import { LimitExceeded } from '../errors.js';
import { KiB, MiB } from '../units.js';
import { OutgoingHandles } from './handles.js';

const SMALL = 16 * KiB;
/** A buffer above this is not kept for the next message: room for a mebibyte of data with what is around it. */
const KEPT = MiB + 64 * KiB;

/** Where a message is written. It grows by what is really written, up to `max`, and is used again. */
export class Writer {
  bytes: Buffer = Buffer.allocUnsafeSlow(SMALL);
  view: DataView = viewOf(this.bytes);
  at = 0;
  readonly handles = new OutgoingHandles();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Makes room for so many bytes; returns where they go. Throws LimitExceeded. */
  take(size: number): number {
    const { at } = this;
    const end = at + size;
    if (end > this.bytes.length) this.#grow(end);
    this.at = end;
    return at;
  }

  /** What was written. It is overwritten by the next message. */
  get written(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  reset(): void {
    this.at = 0;
    if (!this.handles.isEmpty) this.handles.clear();
    if (this.bytes.length > KEPT) this.#use(Buffer.allocUnsafeSlow(SMALL));
  }

  #grow(needed: number): void {
    if (needed > this.#max) throw new LimitExceeded('maxMessage', needed, this.#max);
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#max, Math.max(needed, 2 * this.bytes.length)));
    this.bytes.copy(grown, 0, 0, this.at);
    this.#use(grown);
  }

  #use(bytes: Buffer): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
