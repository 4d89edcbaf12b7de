import type { Channel } from '../channel.js';
import { InvalidArgument } from '../errors.js';
import type { Peer, PeerOptions } from './peer.js';
import type { Service } from './service.js';

export interface Offer {
  readonly makePeer: (channel: Channel, options: PeerOptions) => Peer;
  readonly isService: (value: unknown) => value is Service;
}

let offer: Offer | undefined;

/** Called by `peer.ts` when it is loaded, which whoever has an interface has done. */
export function offerPeers(offered: Offer): void {
  offer = offered;
}

/**
 * A peer, where interfaces were loaded. Calls are forty modules, and a millisecond of start-up for every three of them: who
 * speaks by comms alone does without, and behind its gate a sandboxee could not load them any more.
 */
export function offeredPeer(channel: Channel, options: PeerOptions = {}): Peer | undefined {
  return offer?.makePeer(channel, options);
}

/** Nothing is one where no interface was loaded. */
export function isService(value: unknown): value is Service {
  return offer?.isService(value) ?? false;
}

export function requirePeer(peer: Peer | undefined): Peer {
  if (peer !== undefined) return peer;
  throw new InvalidArgument(
    "this channel carries no calls: import your interface, and so 'sallyport/protocols', before the launch and before sandboxMeHere()",
  );
}
