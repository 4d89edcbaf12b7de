import { Channel } from '../channel.js';
import { LimitExceeded, ProtocolError } from '../errors.js';
import type { FdOperations } from '../fd-facts.js';
import type { Role } from '../frame-rules.js';
import { memoryPair } from '../memory-transport.js';
import { KiB } from '../units.js';
import type { Peer } from './peer.js';
import type { Service } from './service.js';

/**
 * Remotes of this side's own services, for when a peer gives one back: what arrives is a remote, wherever it is from, and is
 * called as one, checks and limits included. Both ends are here, in memory.
 */
export class Loop {
  readonly #fds: FdOperations;
  readonly #makePeer: (channel: Channel) => Peer;
  #sides: { readonly serving: Peer; readonly calling: Peer } | null = null;

  constructor(fds: FdOperations, makePeer: (channel: Channel) => Peer) {
    this.#fds = fds;
    this.#makePeer = makePeer;
  }

  /** Throws ProtocolError where the peer has given back too many. */
  remoteOf(service: Service): Disposable {
    this.#sides ??= this.#open();
    const { serving, calling } = this.#sides;
    try {
      return calling.adopt(serving.lend(service), service.interface);
    } catch (error) {
      if (!(error instanceof LimitExceeded)) throw error;
      throw new ProtocolError('the peer gave back too many remotes', { cause: error });
    }
  }

  #open(): { readonly serving: Peer; readonly calling: Peer } {
    const [a, b] = memoryPair({ slab: 64 * KiB, closeFd: this.#fds.close });
    const make = (transport: typeof a, role: Role): Peer => {
      const channel = new Channel(transport, { role, fds: this.#fds });
      const peer = this.#makePeer(channel);
      channel.start();
      return peer;
    };
    const sides = { serving: make(a, 'broker'), calling: make(b, 'sandboxee') };
    // A handler that finds its own side hostile ends what was given back, and no more.
    void sides.serving.closed.then(() => {
      if (this.#sides === sides) this.#sides = null;
    });
    return sides;
  }
}
