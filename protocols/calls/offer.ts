import type { Channel } from '../channel.js';
import type { Peer } from './peer.js';

let make: ((channel: Channel) => Peer) | undefined;

/** Called by `peer.ts` when it is loaded, which whoever has an interface has done. */
export function offerPeers(maker: (channel: Channel) => Peer): void {
  make = maker;
}

/**
 * A peer, where interfaces were loaded. Calls are forty modules, and a millisecond of start-up for every three of them: a
 * sandboxee that speaks by comms alone does without, and behind its gate it could not load them any more.
 */
export function offeredPeer(channel: Channel): Peer | undefined {
  return make?.(channel);
}
