import { ProtocolError } from './errors.js';
import { closeEventually, type FdOperations } from './fd-facts.js';
import type { ArrivedBuffer } from './shared-buffer.js';

/**
 * One received frame: the payload is `bytes[start, end)`. It owns its fd, or its buffer, until a decoder takes it. Where
 * `owned` is false the bytes are the slab's and gone after this turn.
 */
export class Frame {
  tag = 0;
  bytes: Buffer;
  start = 0;
  end = 0;
  owned = false;
  #fd = -1;
  #buffer: ArrivedBuffer | null = null;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get length(): number {
    return this.end - this.start;
  }

  get hasFd(): boolean {
    return this.#fd >= 0 || this.#buffer !== null;
  }

  set(tag: number, bytes: Buffer, start: number, end: number, owned: boolean): void {
    this.tag = tag;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.owned = owned;
  }

  attachFd(fd: number): void {
    this.#fd = fd;
  }

  attachBuffer(buffer: ArrivedBuffer): void {
    this.#buffer = buffer;
  }

  takeFd(): number {
    const fd = this.#fd;
    if (fd < 0) throw new ProtocolError('the frame has no fd');
    this.#fd = -1;
    return fd;
  }

  takeBuffer(): ArrivedBuffer {
    const buffer = this.#buffer;
    if (buffer === null) throw new ProtocolError('the frame has no buffer');
    this.#buffer = null;
    return buffer;
  }

  /** The payload in memory that is the caller's. */
  copyOut(): Buffer {
    if (this.owned) return this.bytes.subarray(this.start, this.end);
    const copy = Buffer.allocUnsafe(this.end - this.start);
    this.bytes.copy(copy, 0, this.start, this.end);
    return copy;
  }

  /** A frame for the queue: the bytes are copied out once, and what this one owned is the new one's. */
  detach(): Frame {
    const kept = new Frame(this.copyOut());
    kept.set(this.tag, kept.bytes, 0, kept.bytes.length, true);
    kept.#fd = this.#fd;
    kept.#buffer = this.#buffer;
    this.#fd = -1;
    this.#buffer = null;
    return kept;
  }

  /** Closes what nobody took. */
  discard(fds: FdOperations): void {
    if (this.#fd >= 0) closeEventually(fds, this.takeFd());
    if (this.#buffer !== null) this.takeBuffer().discard();
  }
}
