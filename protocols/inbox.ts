import type { FdOperations } from './fd-facts.js';
import type { Frame } from './frame.js';
import type { ChannelLimits } from './limits.js';
import { Queue } from './queue.js';

/** A receive that waits. It takes the frame, or refuses it and leaves the rest of it to be discarded. */
export interface Waiter {
  deliver(frame: Frame): void;
  fail(reason: Error): void;
}

/** What a queued frame costs beyond its payload: without it, a flood of empty frames would be free. Bytes. */
const FRAME_COST = 256;

/**
 * Received frames that nobody has asked for yet, or receives that wait for a frame; never both. It does not refuse anything:
 * `full` asks the channel to stop reading, and a batch that is already here is still taken.
 */
export class Inbox {
  readonly #limits: ChannelLimits;
  readonly #fds: FdOperations;
  readonly #frames = new Queue<Frame>();
  readonly #waiters = new Queue<Waiter>();
  #bytes = 0;
  #heldFds = 0;

  constructor(limits: ChannelLimits, fds: FdOperations) {
    this.#limits = limits;
    this.#fds = fds;
  }

  /** Frames are waiting, to the high-water mark. */
  get full(): boolean {
    return this.#bytes > this.#limits.receiveHighWater || this.#heldFds > this.#limits.receiveFds;
  }

  /** Few enough frames are waiting to read on. */
  get hasRoom(): boolean {
    return this.#bytes * 2 <= this.#limits.receiveHighWater && this.#heldFds * 2 <= this.#limits.receiveFds;
  }

  get waiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** `frame` is the channel's own and used again: it is handed to a waiter at once, or copied. */
  deliver(frame: Frame): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.deliver(frame);
      return;
    }
    const kept = frame.detach();
    this.#bytes += FRAME_COST + kept.length;
    if (kept.hasFd) this.#heldFds++;
    this.#frames.push(kept);
  }

  next(): Frame | undefined {
    const frame = this.#frames.shift();
    if (frame === undefined) return undefined;
    this.#bytes -= FRAME_COST + frame.length;
    if (frame.hasFd) this.#heldFds--;
    return frame;
  }

  wait(waiter: Waiter): void {
    this.#waiters.push(waiter);
  }

  withdraw(waiter: Waiter): void {
    this.#waiters.remove(waiter);
  }

  /** Nothing more will arrive. */
  fail(reason: Error): void {
    for (const waiter of this.#waiters.drain()) waiter.fail(reason);
  }

  /** Drops what is queued, fds included. */
  clear(): void {
    for (const frame of this.#frames.drain()) frame.discard(this.#fds);
    this.#bytes = 0;
    this.#heldFds = 0;
  }
}
