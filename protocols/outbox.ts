import { copyBytes, viewOf } from './bytes.js';
import { afterTurn, type Deferred, defer, markHandled } from './deferred.js';
import { errorCode } from './error-code.js';
import { ClosedError, LimitExceeded } from './errors.js';
import { closeEventually, type FdOperations } from './fd-facts.js';
import { HEADER_SIZE, writeHeader } from './frames.js';
import type { ChannelLimits } from './limits.js';
import type { Transport } from './transport.js';
import { KiB } from './units.js';

const CAPACITY = 64 * KiB;

/**
 * Bytes in hand that are published before the end of the turn, where that is no system call: a peer that is awake works on the
 * first messages of a batch while this side makes the others.
 */
const EAGER = 2 * KiB;

/** Bytes of a piece of a frame: so few go with what is around them. */
const SMALL_PIECE = 8 * KiB;

const nothing = Buffer.alloc(0);
const accepted: Promise<void> = Promise.resolve();

/**
 * Gathers frames and hands them to the transport: one write for all that is sent in one microtask turn, in order. A frame
 * that carries an fd begins a write of its own, since its fd must travel with its first byte.
 */
export class Outbox {
  /** Where `begin` makes room. */
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(CAPACITY);
  readonly #view = viewOf(this.bytes);
  readonly #transport: Transport;
  readonly #limits: ChannelLimits;
  readonly #onFailure: (error: unknown) => Error;
  readonly #onSent: () => void;
  readonly #flushTask = (): void => {
    this.#scheduled = false;
    this.tryFlush();
  };
  #used = 0;
  #eagerAt = Number.POSITIVE_INFINITY;
  /** Published, and a peer that sleeps does not know yet. */
  #isUntold = false;
  #queued = 0;
  #position = 0;
  #scheduled = false;
  #blocking = false;
  #closed = false;
  #drained: Deferred<void> | null = null;

  /**
   * `onFailure`: the transport takes nothing more; it returns what senders are to be told. `onSent`: nothing is queued.
   */
  constructor(transport: Transport, limits: ChannelLimits, onFailure: (error: unknown) => Error, onSent: () => void) {
    this.#transport = transport;
    this.#limits = limits;
    this.#onFailure = onFailure;
    this.#onSent = onSent;
    transport.onDrain = () => {
      this.#queued = transport.queued;
      this.#settle();
      this.#onSent();
    };
  }

  /** Bytes accepted that the kernel has not. */
  get queued(): number {
    return this.#used + this.#queued;
  }

  /** Bytes accepted in all. `position - queued` of them have left. */
  get position(): number {
    return this.#position;
  }

  /** Bytes that the kernel has taken: `queued` alone may be of some time ago. */
  get sent(): number {
    this.#queued = this.#transport.queued;
    return this.#position - this.queued;
  }

  /** Makes room for a small frame and writes its header; the payload goes to `bytes` at the offset that is returned. */
  begin(tag: number, length: number): number {
    const at = this.#reserve(HEADER_SIZE + length);
    writeHeader(this.#view, at, tag, length);
    return at + HEADER_SIZE;
  }

  /** The payload is the first `length` bytes. */
  frame(tag: number, payload: Uint8Array, length = payload.length): void {
    if (HEADER_SIZE + length > CAPACITY) {
      this.frameOf(tag, [payload.subarray(0, length)], length);
      return;
    }
    this.checkSize(length);
    copyBytes(payload, 0, length, this.bytes, this.begin(tag, length));
  }

  /** The payload is of several pieces, of so many bytes together; large ones are not copied on this side. */
  frameOf(tag: number, pieces: readonly Uint8Array[], length: number): void {
    this.checkSize(length);
    writeHeader(this.#view, this.#reserve(HEADER_SIZE), tag, length);
    for (const piece of pieces) {
      if (piece.length <= SMALL_PIECE) {
        copyBytes(piece, 0, piece.length, this.bytes, this.#reserve(piece.length));
        continue;
      }
      if (this.#eagerAt === Number.POSITIVE_INFINITY || this.#blocking) this.flush();
      else this.#publish();
      this.#write(piece, []);
      this.#position += piece.length;
    }
  }

  /** Owns the fd also when it throws. Where too many fds are in flight, this frame alone fails, with LimitExceeded. */
  frameWithFd(tag: number, payload: Uint8Array, fd: number, fds: FdOperations): void {
    try {
      this.flush();
      this.bytes.set(payload, this.begin(tag, payload.length));
    } catch (error) {
      closeEventually(fds, fd);
      throw error;
    }
    const size = this.#used;
    this.#used = 0;
    this.#write(this.bytes.subarray(0, size), [fd]);
  }

  /** Throws LimitExceeded for a payload that may not be sent, or not now. */
  checkSize(length: number): void {
    const { maxMessage, sendMax } = this.#limits;
    if (length > maxMessage) throw new LimitExceeded('maxMessage', length, maxMessage);
    if (length <= CAPACITY && this.queued <= sendMax - CAPACITY) return;
    if (length + this.queued > sendMax) {
      throw new LimitExceeded(
        'sendMax',
        length + this.queued,
        sendMax,
        `${this.queued} bytes are queued: await the sends`,
      );
    }
  }

  /** Whether the transport can publish at next to no cost, as into shared memory. */
  set isEager(isEager: boolean) {
    this.#eagerAt = isEager && this.#transport.publish !== undefined ? EAGER : Number.POSITIVE_INFINITY;
  }

  /** Schedules the write. The promise is pending while more is queued than the high-water mark. */
  accept(): Promise<void> {
    if (!this.#scheduled && this.#used > 0) {
      this.#scheduled = true;
      afterTurn(this.#flushTask);
    }
    if (this.#used >= this.#eagerAt) this.#publish();
    const { sendHighWater } = this.#limits;
    if (this.queued <= sendHighWater) return accepted;
    this.#queued = this.#transport.queued;
    if (this.queued <= sendHighWater) return accepted;
    this.#drained ??= defer();
    return this.#drained.promise;
  }

  flush(): void {
    const size = this.#used;
    if (size === 0 && !this.#isUntold) return;
    this.#used = 0;
    this.#write(size === 0 ? nothing : this.bytes.subarray(0, size), []);
  }

  /** Where nobody waits for the outcome: the channel is told by onFailure, and rejects whoever sends from here on. */
  tryFlush(): void {
    if (this.#closed) return;
    try {
      this.flush();
    } catch {
      // See above.
    }
  }

  /** Runs `send`, whose writes block until the kernel has taken them. */
  blocking(send: () => void): void {
    if (this.#transport.writeSync === undefined) throw new ClosedError('only a sandboxee may block on its channel');
    this.#blocking = true;
    try {
      send();
      this.flush();
    } finally {
      this.#blocking = false;
    }
  }

  /** Pending sends reject with `reason`. */
  close(reason: Error): void {
    this.#closed = true;
    this.#used = 0;
    this.#queued = 0;
    if (this.#drained === null) return;
    markHandled(this.#drained.promise);
    this.#drained.reject(reason);
    this.#drained = null;
  }

  #reserve(size: number): number {
    if (size > CAPACITY - this.#used) this.flush();
    const at = this.#used;
    this.#used = at + size;
    this.#position += size;
    return at;
  }

  #publish(): void {
    const size = this.#used;
    this.#used = 0;
    this.#isUntold = true;
    try {
      this.#queued = this.#transport.publish?.(this.bytes, size) ?? 0;
    } catch (error) {
      this.#onFailure(error);
    }
  }

  #write(bytes: Uint8Array, fds: number[]): void {
    this.#isUntold = false;
    try {
      if (!this.#blocking) {
        this.#queued = this.#transport.write(bytes, fds);
      } else {
        this.#transport.writeSync?.(bytes, fds, -1);
        this.#queued = 0;
      }
    } catch (error) {
      if (fds.length > 0 && errorCode(error) === 'ETOOMANYREFS') throw tooManyInFlight(error);
      throw this.#onFailure(error);
    }
    this.#settle();
  }

  #settle(): void {
    if (this.#drained === null || this.queued > this.#limits.sendHighWater) return;
    this.#drained.resolve();
    this.#drained = null;
  }
}

function tooManyInFlight(cause: unknown): LimitExceeded {
  // The kernel's limit is RLIMIT_NOFILE, for all unread fds of one user together; it does not say how many there are.
  return new LimitExceeded('fds in flight', 1, 0, 'too many fds are on their way to processes that do not read them', {
    cause,
  });
}
