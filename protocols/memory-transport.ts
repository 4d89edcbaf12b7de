import { defaultLimits } from './limits.js';
import { BatchStatus, type OnBatch, type Transport } from './transport.js';

export interface MemoryPairOptions {
  /** Bytes that one direction holds before writes queue, as a socket's buffer. */
  readonly capacity?: number;
  readonly slab?: number;
  /** How many of the `available` bytes the next batch brings. Default: all that the slab has room for. */
  readonly chunk?: (available: number) => number;
  /** Closes an fd that nobody received, or that was sent on a closed pair. */
  readonly closeFd?: (fd: number) => void;
}

/**
 * Two transports joined in memory: no process, no socket, no native code. It keeps the kernel's habits: fds arrive with the
 * first byte of what they were written with, glued behind earlier bytes, and nothing is read past them in one go; what was
 * written before the end is still read. fds are numbers that are handed over.
 */
export function memoryPair(options: MemoryPairOptions = {}): [MemoryTransport, MemoryTransport] {
  const a = new MemoryTransport(options);
  const b = new MemoryTransport(options);
  a.join(b);
  b.join(a);
  return [a, b];
}

interface Segment {
  readonly bytes: Buffer;
  fds: number[];
  offset: number;
}

export class MemoryTransport implements Transport {
  readonly slab: Buffer;
  onBatch: OnBatch = (filled) => filled;
  onDrain: () => void = () => {};
  readonly #capacity: number;
  readonly #chunk: (available: number) => number;
  readonly #closeFd: (fd: number) => void;
  readonly #arrived: Segment[] = [];
  #peer: MemoryTransport | null = null;
  #peerEnded = false;
  #filled = 0;
  #unread = 0;
  #state: 'idle' | 'started' | 'paused' | 'closed' = 'idle';
  #scheduled = false;
  #endReported = false;
  #congested = false;

  constructor(options: MemoryPairOptions) {
    this.slab = Buffer.allocUnsafeSlow(options.slab ?? defaultLimits.slab);
    this.#capacity = options.capacity ?? 128 * 1024;
    this.#chunk = options.chunk ?? ((available) => available);
    this.#closeFd = options.closeFd ?? (() => {});
  }

  join(peer: MemoryTransport): void {
    this.#peer = peer;
  }

  get queued(): number {
    return this.#peer === null ? 0 : Math.max(0, this.#peer.#unread - this.#capacity);
  }

  start(): void {
    this.#state = 'started';
    this.#schedule();
  }

  pause(): void {
    if (this.#state === 'started') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state === 'paused') this.#state = 'started';
    this.#schedule();
  }

  ref(): void {}

  unref(): void {}

  write(bytes: Uint8Array, fds: number[]): number {
    const peer = this.#peer;
    if (peer === null || this.#peerEnded || peer.#state === 'closed') {
      for (const fd of fds) this.#closeFd(fd);
      throw Object.assign(new Error('EPIPE: the pair is closed, write'), {
        code: 'EPIPE',
        errno: 32,
        syscall: 'write',
      });
    }
    if (bytes.length > 0) {
      peer.#arrived.push({ bytes: Buffer.from(bytes), fds: [...fds], offset: 0 });
      peer.#unread += bytes.length;
      peer.#schedule();
    }
    this.#congested = this.queued > 0;
    return this.queued;
  }

  shutdown(): void {
    this.#peerEnded = true;
    if (this.#peer === null) return;
    this.#peer.#peerEnded = true;
    this.#peer.#schedule();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.shutdown();
    this.#state = 'closed';
    for (const segment of this.#arrived.splice(0)) segment.fds.forEach(this.#closeFd);
  }

  /** There is nobody to wait for in one thread: false when nothing has arrived. */
  receiveSync(): boolean {
    return this.#deliver();
  }

  writeSync(bytes: Uint8Array, fds: number[]): void {
    this.write(bytes, fds);
  }

  #schedule(): void {
    if (this.#scheduled || this.#state !== 'started') return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#state === 'started' && this.#deliver()) this.#schedule();
    });
  }

  #deliver(): boolean {
    if (this.#endReported || this.#state === 'closed') return false;
    const fds = this.#fill();
    const ended = this.#peerEnded && this.#unread === 0;
    if (fds === null && !ended) return false;
    this.#endReported = ended;
    const status = ended ? BatchStatus.EndOfFile : BatchStatus.Open;
    const consumed = this.onBatch(this.#filled, fds?.length ? fds : null, status);
    this.slab.copyWithin(0, consumed, this.#filled);
    this.#filled -= consumed;
    if (this.#peer !== null) this.#peer.#drained();
    return true;
  }

  /** Moves what one receive brings into the slab. Null: nothing. */
  #fill(): number[] | null {
    if (this.#unread === 0) return null;
    let room = Math.min(this.slab.length - this.#filled, Math.max(1, this.#chunk(this.#unread)));
    let fds: number[] = [];
    while (room > 0 && fds.length === 0) {
      const segment = this.#arrived[0];
      if (segment === undefined) break;
      const count = Math.min(room, segment.bytes.length - segment.offset);
      segment.bytes.copy(this.slab, this.#filled, segment.offset, segment.offset + count);
      fds = segment.fds;
      segment.fds = [];
      segment.offset += count;
      this.#filled += count;
      this.#unread -= count;
      room -= count;
      if (segment.offset === segment.bytes.length) this.#arrived.shift();
    }
    return fds;
  }

  #drained(): void {
    if (!this.#congested || this.queued > 0) return;
    this.#congested = false;
    this.onDrain();
  }
}
