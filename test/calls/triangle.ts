import { expect } from 'chai';
import type { Peer } from '../../protocols/calls/peer.js';
import { defineInterface, type Remote, t } from '../../protocols/schema/index.js';
import { settle } from '../comms/support.js';
import { Everything, type Handlers, PeerPair, serveEverything } from './support.js';

/** Holds what it is given, for whoever asks. */
export const Shelf = defineInterface('shelf@1', {
  put: t.method({ input: { thing: t.remote(Everything) } }),
  twice: t.method({ input: { one: t.remote(Everything), other: t.remote(Everything) } }),
  take: t.method({ output: { thing: t.remote(Everything) }, errors: ['empty'] }),
  /** Calls the last of what it holds. */
  add: t.method({ input: { a: t.int32(), b: t.int32() }, output: t.int32() }),
});

const Door = defineInterface('door@1', { open: t.method({ output: { thing: t.remote(Everything) } }) });

export type Thing = Remote<typeof Everything>;

/** Returns what it holds. */
export function serveShelf(peer: Peer): Thing[] {
  const held: Thing[] = [];
  peer.serve(Shelf, {
    put: ({ thing }) => {
      held.push(thing);
    },
    twice: ({ one, other }) => {
      held.push(one, other);
    },
    take: (_input, context) => {
      const thing = held.pop();
      if (thing === undefined) throw context.fail('empty');
      return { thing };
    },
    add: async (input) => (await held.at(-1)?.add(input)) ?? 0,
  });
  return held;
}

export function expectNoReferences(...peers: readonly Peer[]): void {
  for (const peer of peers) {
    const { held, given } = peer.usage().remotes;
    expect({ held: held.used, given: given.used }).to.deep.equal({ held: 0, given: 0 });
  }
}

/** A broker between two sandboxees. The first, A, has something to give, and both have a shelf. */
export class Triangle {
  readonly a = new PeerPair();
  readonly b = new PeerPair({ fds: this.a.fds });
  readonly thingsOfA = serveShelf(this.a.sandboxee.peer);
  readonly thingsOfB = serveShelf(this.b.sandboxee.peer);
  readonly ofA: Remote<typeof Shelf>;
  readonly ofB: Remote<typeof Shelf>;
  readonly own;
  readonly #door: Remote<typeof Door>;

  constructor(replaced: Partial<Handlers> = {}) {
    this.own = serveEverything(this.a, this.a.sandboxee.peer, replaced);
    this.a.sandboxee.peer.serve(Door, { open: () => ({ thing: this.own }) });
    this.ofA = this.a.broker.peer.connect(Shelf);
    this.ofB = this.b.broker.peer.connect(Shelf);
    this.#door = this.a.broker.peer.connect(Door);
  }

  thingOfA = (): Thing | undefined => this.thingsOfA.at(-1);
  thingOfB = (): Thing | undefined => this.thingsOfB.at(-1);

  /** The broker's remote of what is A's. */
  async thing(): Promise<Thing> {
    return (await this.#door.open()).thing;
  }

  /** B's own remote of what is A's. */
  async passOn(): Promise<Thing> {
    await this.ofB.put({ thing: await this.thing() });
    const thing = this.thingOfB();
    if (thing === undefined) throw new Error('nothing came');
    return thing;
  }

  peers(): readonly Peer[] {
    return [this.a.sandboxee.peer, this.a.broker.peer, this.b.broker.peer, this.b.sandboxee.peer];
  }

  references() {
    return this.peers().map((peer) => {
      const { held, given } = peer.usage().remotes;
      return { held: held.used, given: given.used };
    });
  }

  async expectNothingLeft(): Promise<void> {
    await settle(30);
    expectNoReferences(...this.peers());
    expect([...this.a.violations, ...this.b.violations]).to.deep.equal([]);
    expect([...this.a.fds.open]).to.deep.equal([]);
  }

  close(): void {
    this.a.close();
    this.b.close();
  }
}
