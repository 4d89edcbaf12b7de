import type { OnBatch, RingOptions } from '../native/shared.js';

/**
 * What carries frames: a socket through the native endpoint, or a pair in memory. Both keep the promises below, and the
 * same tests run over both.
 *
 * - Bytes arrive in order. `slab` is reused: what is in it is gone after `onBatch` returns.
 * - fds arrive no later than the first byte of what they were written with, in order; they may come glued behind earlier
 *   bytes.
 * - `write` owns the fds from the call on, also when it throws, and neither keeps nor changes `bytes`.
 */
export interface Transport {
  readonly slab: Buffer;
  /** Bytes that `write` took and the kernel has not. */
  readonly queued: number;

  /**
   * `filled` bytes are in the slab, those left over last time included. `fds` came with them and belong to the callee.
   * Returns how many bytes it consumed; the rest stays at the front of the slab for next time.
   */
  onBatch: OnBatch;
  /** Nothing is queued any more. */
  onDrain: () => void;

  /** Begins delivery. Referenced by default: it keeps the process alive. */
  start(): void;
  pause(): void;
  resume(): void;
  ref(): void;
  unref(): void;

  /**
   * Sends, queueing what does not fit; returns the bytes still queued. Throws an errno error when the peer is gone;
   * ETOOMANYREFS fails this write alone, with nothing of it sent.
   */
  write(bytes: Uint8Array, fds: number[]): number;
  /** The first `length` bytes, for a peer that is awake: a `write` must follow, of nothing at the least. */
  publish?(bytes: Uint8Array, length: number): number;
  /** Both directions: the peer reads what was sent and then the end. */
  shutdown(): void;
  /** Drops what is queued. Idempotent. */
  close(): void;

  /** Blocks for one batch, which goes through `onBatch`. False at the timeout. Milliseconds; -1 waits for ever. */
  receiveSync?(timeoutMs: number): boolean;
  /** Blocks until all that is queued and `bytes` are sent. */
  writeSync?(bytes: Uint8Array, fds: number[], timeoutMs: number): void;

  /**
   * While `onBatch` runs, and once it has looked at all that is in the slab: what follows, straight into `target`, from `from` to
   * `to` at most. Returns how many bytes, 0 where there are none now.
   */
  readonly pull?: (target: Uint8Array, from: number, to: number) => number;

  /** Absent where there is no shared memory to change over to. */
  readonly ring?: RingCarrier;
}

/** A transport that can change over to rings in shared memory: see `NativeEndpoint`. */
export interface RingCarrier {
  mapRing(fd: number, options: RingOptions): void;
  writeRing(): void;
  readRing(): void;
  dropRing(): void;
}

export type { OnBatch, RingOptions };

/** `status` of a batch. Any other negative number is -errno of a receive that failed for good. */
export const BatchStatus = {
  Open: 0,
  EndOfFile: 1,
  /** fds were lost because this process could not take them (its own limit of open files), not by the peer's doing. */
  ControlTruncated: -1000,
  /** The peer broke the ring: this less one of `ringFaults`' numbers. */
  RingBroken: -1000,
} as const;

/** Why nothing more will arrive, of a status that is neither open nor truncated. */
export function describeEnd(status: number): string {
  return status === BatchStatus.EndOfFile ? 'the peer closed the channel' : `receiving failed with errno ${-status}`;
}
