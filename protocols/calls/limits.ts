import { KiB, MiB } from '../units.js';

/**
 * What calls may use up on one channel. These are of the protocol, the same on both sides: who keeps to them sends a
 * LimitExceeded to its own caller, and who goes beyond breaks the protocol. So nothing waits, and nothing can deadlock.
 */
export const callLimits = {
  /** Calls and streams that are not finished, in each direction. A call that was given up counts until its late answer. */
  calls: 1024,
  /** Bytes of their inputs. One call alone may have more. */
  bytes: 8 * MiB,
  /** fds of their inputs. */
  fds: 64,
  /** fds, and shared buffers, of one message. */
  attached: 64,
  /** Remotes that one side holds of the other. */
  remotes: 1024,
  /** Remotes of connect(), at a time and in all. */
  bindings: 64,
  bindingsEver: 4096,
} as const;

/** Milliseconds that a call may take where it names no timeout; of a stream, that an item may take. */
export const DEFAULT_TIMEOUT = 60_000;
/** Milliseconds that a connect() waits for the other side to serve the interface. */
export const SERVE_PATIENCE = 10_000;
/** Milliseconds that pending calls wait to be told the result of a peer that is gone. */
export const OUTCOME_PATIENCE = 5000;
/** Bytes of queued output above which items and events wait, so that a call does not wait behind more than this. */
export const BULK_MARK = 64 * KiB;
/** Bytes of a failure's message. */
export const MOST_DETAIL = KiB;
/** Bytes of a description that is sent for comparison. */
export const MOST_DESCRIPTION = 64 * KiB;

/** Ids of what was passed are below, those of what connect() asked for are above. */
export const FIRST_BINDING = 0x80000000;
