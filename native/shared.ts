/**
 * The part of the unsafe surface that both addons have. All of it throws an `ErrnoError`, or a TypeError or RangeError
 * for an argument that makes no sense.
 */

/** What a failed system call throws. */
export interface ErrnoError extends Error {
  /** "EBADF". */
  code: string;
  /** Positive. */
  errno: number;
  syscall: string;
}

export interface FdFacts {
  dev: bigint;
  ino: bigint;
  /** st_mode: type and permissions. */
  mode: number;
  size: bigint;
  nlink: number;
  rdev: bigint;
  /** F_GETFL: access mode and status flags; O_PATH is among them. */
  flags: number;
  /** `Seal`s; -1 where it is no memfd. */
  seals: number;
  /** SO_DOMAIN; -1 where it is no socket. */
  socketDomain: number;
}

/** F_SEAL_*, of linux/fcntl.h: what can no longer be done to a memfd. */
export const Seal = { Seal: 1, Shrink: 2, Grow: 4, Write: 8, FutureWrite: 16 } as const;

/**
 * `filled` bytes are in the slab from its start, those left over last time included. `fds` came with them, in order, and
 * are the callee's from here on, also when it throws. Returns how many bytes it consumed; the rest moves to the front.
 *
 * `status`: 0 open; 1 end of file; -errno of a receive (or, once nothing is left to read, of a send) that failed for
 * good; -1000 fds were lost because this process could not take them; below that, the peer broke the ring. Anything but 0 is
 * the last call.
 */
export type OnBatch = (filled: number, fds: number[] | null, status: number) => number;

export interface EndpointOptions {
  /** Where received bytes go; reused. */
  slab: Uint8Array;
  /** Bytes to read, and bytes to send, at most in one turn of the loop. */
  budget: number;
  /** The fd is left open for good: inside a sandboxee its number must never become free. */
  keepFd: boolean;
}

export interface RingOptions {
  /** Bytes of one direction: a power of two. */
  capacity: number;
  /** Which of the two sides this one is. */
  broker: boolean;
  /** Nanoseconds to look for more before sleeping; 0 where there is but one CPU. */
  spin: number;
}

export interface NativeEndpoint {
  /** Begins polling, and keeps the process alive unless `unref` was called. */
  start(): void;
  pause(): void;
  /** Also offers again what was left in the slab, on the loop's next turn. */
  resume(): void;
  ref(): void;
  unref(): void;
  /**
   * Sends what the socket takes, copies and queues the rest, and returns how many bytes are queued. Owns the fds from
   * the call on and closes each once it was sent, also when it throws; they travel with the first byte. Throws EPIPE or
   * ECONNRESET when the peer is gone. Any other error fails this call alone, with nothing of it sent (ETOOMANYREFS).
   */
  write(bytes: Uint8Array, fds: number[]): number;
  /**
   * The first `length` bytes, as `write` would, but a peer that sleeps is not woken: a `write` must follow, of nothing at the
   * least. Into a ring, this is no system call.
   */
  publish(bytes: Uint8Array, length: number): number;
  /** Blocks until the queue and this are sent; throws ETIMEDOUT. -1 waits for ever. Only a sandboxee's addon has it. */
  writeSync(bytes: Uint8Array, fds: number[], timeoutMs: number): void;
  /** Blocks for one batch, which goes through `onBatch`. False at the timeout. Only a sandboxee's addon has it. */
  receiveSync(timeoutMs: number): boolean;
  /** Bytes that the kernel has not taken. It has no bound of its own. */
  readonly queued: number;
  /**
   * Maps a sealed memfd of 64 KiB and twice the capacity. The fd stays the caller's. From `writeRing` on, what is written goes
   * to the ring, and is queued until both sides read there. From `readRing` on the ring is read, and the socket carries
   * only doorbells, fds and the end. A peer that breaks the ring is status -1001 and below.
   */
  mapRing(fd: number, options: RingOptions): void;
  writeRing(): void;
  readRing(): void;
  /**
   * While `onBatch` runs, once it has looked at all of the slab: copies what follows out of the ring into `target`, from `from` to
   * `to` at most, within the turn's budget. Returns how many bytes; 0 where there is no ring.
   */
  pull(target: Uint8Array, from: number, to: number): number;
  /** The peer does without: what was queued goes to the socket. */
  dropRing(): void;
  /** Both directions. */
  shutdown(): void;
  /** Drops what is queued, and closes the socket unless `keepFd`. Idempotent; also inside a callback. */
  close(): void;
}

/** Memory that stays mapped while nobody here may look at it: only its ArrayBuffer comes and goes. */
export interface NativeMapping {
  /** The first `length` bytes. The ArrayBuffer before it is detached: its views become empty. */
  view(length: number): ArrayBuffer;
  /** All of it, always the same ArrayBuffer until it is unmapped. */
  lasting(): ArrayBuffer;
  /**
   * Detaches the ArrayBuffer of `view`, if there is one. False where `ArrayBuffer.prototype.transfer()` has moved the memory out of it:
   * then it can only be unmapped.
   */
  revoke(): boolean;
  /** At once, and idempotent. Memory that was transferred is unmapped by the garbage collector. */
  unmap(): void;
}

export interface SharedBinding {
  /** Owns the fd, a unix stream socket, once the constructor has returned. `onDrain`: the queue has become empty. */
  Endpoint: new (
    fd: number,
    options: EndpointOptions,
    onBatch: OnBatch,
    onDrain: () => void,
  ) => NativeEndpoint;
  /** Close-on-exec, and never one of the numbers that mean something inside a sandboxee (0 to 3). */
  duplicate(fd: number): number;
  /** At once. Not for what a sandboxee may share: the broker has `closeLater`. */
  close(fd: number): void;
  describe(fd: number): FdFacts;
  /**
   * MAP_SHARED. Refuses what is no memfd with F_SEAL_SHRINK and F_SEAL_GROW (a peer could shrink it under us), and more
   * bytes than it has. A store to a mapping that is not writable ends the process. The fd stays the caller's. What was
   * forgotten is unmapped by the garbage collector.
   */
  Mapping: new (
    fd: number,
    length: number,
    writable: boolean,
  ) => NativeMapping;
}

let bound: { role: 'broker' | 'sandboxee'; binding: SharedBinding } | undefined;

/** One process loads one addon. Where tests load both, the broker's stays: it closes fds without blocking. */
export function bindShared(role: 'broker' | 'sandboxee', binding: SharedBinding): void {
  if (bound?.role !== 'broker') bound = { role, binding };
}

export function shared(): SharedBinding {
  if (bound === undefined) {
    throw new Error('No native addon is loaded: import "sallyport" (the broker) or "sallyport/sandboxee" first.');
  }
  return bound.binding;
}
