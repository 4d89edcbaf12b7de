import { copyBytes, viewOf } from '../bytes.js';
import { InvalidArgument, LimitExceeded } from '../errors.js';
import { KiB, MiB } from '../units.js';
import { OutgoingHandles } from './handles.js';

const SMALL = 16 * KiB;
/** A buffer above this is not kept for the next message. */
const KEPT = MiB;
/** Fewer bytes are copied: a piece of their own costs more. */
const WORTH_LENDING = 16 * KiB;

interface Lent {
  /** What was written before it. */
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Where a message is written. It grows by what is really written, up to `max`, and is used again. */
export class Writer {
  bytes: Buffer = Buffer.allocUnsafeSlow(SMALL);
  view: DataView = viewOf(this.bytes);
  at = 0;
  readonly handles = new OutgoingHandles();
  readonly #lent: Lent[] = [];
  #lentBytes = 0;
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

  /** Bytes of the message so far, those that are lent included. */
  get size(): number {
    return this.at + this.#lentBytes;
  }

  /** Whether `bytes` has all of it. */
  get isWhole(): boolean {
    return this.#lent.length === 0;
  }

  byte(value: number): void {
    // First: it may make another buffer of `bytes`.
    const at = this.take(1);
    this.bytes[at] = value;
  }

  /** Puts bytes that stay as they are until the message is sent. Many are not copied. Of a plain Uint8Array or Buffer. */
  put(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length < WORTH_LENDING) {
      const at = this.take(length);
      copyBytes(bytes, 0, length, this.bytes, at);
      return;
    }
    this.#check(this.size + length);
    // Of this length whatever becomes of the memory: a view may be one that grows with it.
    this.#lent.push({ at: this.at, bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, length), length });
    this.#lentBytes += length;
  }

  /**
   * What was written, in order. It is overwritten by the next message. Throws InvalidArgument where what was lent is not there any
   * more: something that the value ran has detached it.
   */
  pieces(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (const { at, bytes, length } of this.#lent) {
      if (bytes.length !== length) throw new InvalidArgument('bytes of the message were detached while it was made');
      pieces.push(this.bytes.subarray(from, at), bytes);
      from = at;
    }
    pieces.push(this.bytes.subarray(from, this.at));
    return pieces;
  }

  /** Copies what was lent, which may then go. */
  makeWhole(): void {
    if (this.isWhole) return;
    const whole = this.written;
    this.#lent.length = 0;
    this.#lentBytes = 0;
    this.#use(whole);
    this.at = whole.length;
  }

  /** All of it in one. */
  get written(): Buffer {
    return this.isWhole ? this.bytes.subarray(0, this.at) : Buffer.concat(this.pieces());
  }

  reset(): void {
    this.at = 0;
    if (!this.isWhole) {
      this.#lent.length = 0;
      this.#lentBytes = 0;
    }
    if (!this.handles.isEmpty) this.handles.clear();
    if (this.bytes.length > KEPT) this.#use(Buffer.allocUnsafeSlow(SMALL));
  }

  #grow(needed: number): void {
    this.#check(needed + this.#lentBytes);
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#max, Math.max(needed, 2 * this.bytes.length)));
    this.bytes.copy(grown, 0, 0, this.at);
    this.#use(grown);
  }

  #check(size: number): void {
    if (size > this.#max) throw new LimitExceeded('maxMessage', size, this.#max);
  }

  #use(bytes: Buffer): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }
}
