import type { BufferHooks } from './buffer-exchange.js';
import type { ProtocolError } from './errors.js';
import type { FdOperations } from './fd-facts.js';
import type { Phase, Role } from './frame-rules.js';
import type { ChannelLimitOptions } from './limits.js';
import type { RingChoice } from './ring.js';

export interface ChannelOptions extends BufferHooks {
  /** This side. Who the peer is, is decided by the socket that the broker made, and by nothing that is sent. */
  readonly role: Role;
  /**
   * `handshake`: only handshake frames until `Go`, which opens the channel on both sides. `start-up`: data too, between
   * programs that trust each other, until `startUpOver()`. `life`: the launcher's life socket. Default `open`.
   */
  readonly phase?: Phase;
  readonly limits?: ChannelLimitOptions;
  /** Calls on descriptors. The broker's `close` goes to its reaper. */
  readonly fds?: FdOperations;
  /** Whether the bytes change over to shared memory. Default: never. */
  readonly ring?: RingChoice | undefined;
  /** The peer broke the protocol; called once, and the channel is closed. */
  readonly onViolation?: (error: ProtocolError) => void;
}
