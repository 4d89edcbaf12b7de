import { checkLength, type FrameRule, frameRule } from './frame-rules.js';
import { KiB, MiB } from './units.js';

/**
 * A frame is `{u32 tag, u64 length}`, little-endian, and `length` bytes of payload: Sandbox2's framing. The same bytes
 * travel over every transport.
 */
export const HEADER_SIZE = 12;

export function writeHeader(target: Buffer, at: number, tag: number, length: number): void {
  target.writeUInt32LE(tag, at);
  target.writeUInt32LE(length, at + 4);
  target.writeUInt32LE(0, at + 8);
}

export function encodeFrame(tag: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_SIZE + payload.length);
  writeHeader(frame, 0, tag, payload.length);
  frame.set(payload, HEADER_SIZE);
  return frame;
}

/**
 * Takes each whole frame. The payload is `bytes[start, end)`. Where `owned` is false it lies in the slab and must be copied
 * out before the call returns; where it is true the bytes belong to the callee.
 */
export type FrameSink = (
  tag: number,
  rule: FrameRule,
  bytes: Buffer,
  start: number,
  end: number,
  owned: boolean,
) => void;

/** More of what follows the slab, straight to where it belongs: `Transport.pull`. */
export type Pull = (target: Uint8Array, from: number, to: number) => number;

/** A frame of more bytes that is not whole is gathered apart at once where it can be pulled: each byte is copied once less. */
const PULLED = 16 * KiB;

/**
 * Where a large frame is gathered at first, a mebibyte of data with what is around it at the most; untouched, it is address space
 * and no memory.
 */
const FIRST_ROOM = MiB + 64 * KiB;

/**
 * Cuts batches of a reused slab into frames. A frame that fits the slab waits there until it is whole. A larger one is
 * gathered in a buffer that at most doubles what has really arrived, or is a constant: the peer's word allocates nothing.
 */
export class FrameParser {
  readonly #slab: Buffer;
  readonly #maxMessage: number;
  readonly #sink: FrameSink;
  readonly #pull: Pull | undefined;
  #stopped = false;
  #mayClaimFd = false;

  #large: Buffer | null = null;
  #largeTag = 0;
  #largeLength = 0;
  #arrived = 0;

  constructor(slab: Buffer, maxMessage: number, sink: FrameSink, pull?: Pull) {
    this.#pull = pull;
    this.#slab = slab;
    this.#maxMessage = maxMessage;
    this.#sink = sink;
  }

  /** A frame has begun and is not whole, and as far as is known of it, an fd that has arrived can be its own. */
  get mayClaimFd(): boolean {
    return this.#mayClaimFd;
  }

  /** No further frame is passed on, also not from the batch at hand. */
  stop(): void {
    this.#stopped = true;
    this.#large = null;
  }

  /** `filled` bytes are in the slab; returns how many were consumed. Throws ProtocolError, and is then of no more use. */
  push(filled: number): number {
    let at = this.#large === null ? 0 : this.#gather(0, filled);
    while (!this.#stopped) {
      const available = filled - at;
      if (available < HEADER_SIZE) {
        if (this.#large === null) this.#mayClaimFd = available > 0;
        return at;
      }
      const tag = this.#slab.readUInt32LE(at);
      const length = this.#slab.readUInt32LE(at + 4);
      const rule = frameRule(tag);
      checkLength(tag, rule, length, this.#slab.readUInt32LE(at + 8), this.#maxMessage);
      const start = at + HEADER_SIZE;
      const end = start + length;
      if (end <= filled) {
        this.#sink(tag, rule, this.#slab, start, end, false);
        at = end;
        continue;
      }
      this.#mayClaimFd = rule.carriesFd;
      if (HEADER_SIZE + length <= (this.#pull ? PULLED : this.#slab.length)) return at;
      this.#largeTag = tag;
      this.#largeLength = length;
      this.#arrived = 0;
      this.#large = Buffer.allocUnsafeSlow(Math.min(length, this.#pull ? FIRST_ROOM : this.#slab.length));
      at = this.#gather(start, filled);
    }
    return filled;
  }

  #gather(from: number, filled: number): number {
    const take = Math.min(filled - from, this.#largeLength - this.#arrived);
    let target = this.#room(this.#arrived + take);
    this.#slab.copy(target, this.#arrived, from, from + take);
    this.#arrived += take;
    while (this.#pull && this.#arrived < this.#largeLength) {
      target = this.#room(this.#arrived + 1);
      const pulled = this.#pull(target, this.#arrived, target.length);
      if (pulled === 0) break;
      this.#arrived += pulled;
    }
    if (this.#arrived === this.#largeLength) {
      const rule = frameRule(this.#largeTag);
      this.#large = null;
      this.#mayClaimFd = false;
      this.#sink(this.#largeTag, rule, target, 0, this.#largeLength, true);
    }
    return from + take;
  }

  #room(needed: number): Buffer {
    const current = this.#large ?? Buffer.alloc(0);
    if (needed <= current.length) return current;
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#largeLength, Math.max(needed, current.length * 2)));
    current.copy(grown, 0, 0, this.#arrived);
    this.#large = grown;
    return grown;
  }
}
