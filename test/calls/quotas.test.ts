import { expect } from 'chai';
import { callLimits } from '../../protocols/calls/limits.js';
import type { Share } from '../../protocols/calls/peer.js';
import { service } from '../../protocols/calls/service.js';
import { LimitExceeded } from '../../protocols/errors.js';
import { KiB, MiB } from '../../protocols/units.js';
import { settle } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { Everything, Logger, PeerPair, type Side, serveEverything } from './support.js';
import type { Thing } from './triangle.js';

interface Attempt {
  readonly pair: PeerPair;
  readonly thing: Thing;
  readonly caller: Side;
  readonly server: Side;
}

/** The other side takes in, holds, and never answers: ten times what each quota allows is asked of it. */
const table: readonly {
  readonly what: string;
  readonly times: number;
  readonly ask: (attempt: Attempt, n: number) => unknown;
  /** What shows it, on either side. */
  readonly shares: (attempt: Attempt) => readonly Share[];
}[] = [
  {
    what: 'calls',
    times: 10 * callLimits.calls,
    ask: ({ thing }, id) => thing.wait({ id }),
    shares: ({ caller, server }) => [caller.peer.usage().made.calls, server.peer.usage().served.calls],
  },
  {
    what: 'bytes of calls',
    times: (10 * callLimits.bytes) / (512 * KiB),
    ask: ({ thing }) => thing.echo({ bytes: Buffer.alloc(512 * KiB) }),
    shares: ({ caller, server }) => [caller.peer.usage().made.bytes, server.peer.usage().served.bytes],
  },
  {
    what: 'fds of calls',
    times: 10 * callLimits.fds,
    ask: ({ thing, pair }) => thing.take({ file: pair.fd() }),
    shares: ({ caller, server }) => [caller.peer.usage().made.fds, server.peer.usage().served.fds],
  },
  {
    what: 'streams',
    times: 10 * callLimits.calls,
    ask: ({ thing }) => thing.count({ to: 1e6 })[Symbol.asyncIterator]().next(),
    shares: ({ caller, server }) => [caller.peer.usage().made.calls, server.peer.usage().served.calls],
  },
  {
    what: 'remotes',
    times: 10 * callLimits.remotes,
    ask: async ({ thing }, n) => {
      if (n % 256 === 255) await settle(2);
      await thing.use({ logger: service(Logger, { log: () => {} }), line: '' });
    },
    shares: ({ caller, server }) => [caller.peer.usage().remotes.given, server.peer.usage().remotes.held],
  },
  {
    what: 'connections',
    times: 10 * callLimits.bindings,
    ask: ({ caller }) => caller.peer.connect(Everything),
    shares: ({ caller, server }) => [caller.peer.usage().connections.made, server.peer.usage().connections.served],
  },
];

for (const [by, of] of [
  ['broker', 'sandboxee'],
  ['sandboxee', 'broker'],
] as const) {
  describe(`ten times the quota, asked by the ${by} of a ${of} that never answers`, () => {
    leakGate();

    for (const { what, times, ask, shares } of table) {
      it(`(of ${what}) is refused here beyond the quota, and costs neither side more`, async () => {
        const pair = new PeerPair();
        const held: unknown[] = [];
        const never = (input: unknown) => {
          held.push(input);
          return new Promise<never>(() => {});
        };
        serveEverything(pair, pair[of].peer, {
          wait: never,
          echo: never,
          take: ({ file }) => {
            file.close();
            return never(null);
          },
          use: ({ logger }) => {
            held.push(logger);
          },
          count: () => never(null),
        });
        const attempt = { pair, thing: pair[by].peer.connect(Everything), caller: pair[by], server: pair[of] };
        const ends: unknown[] = [];
        const running: Promise<unknown>[] = [];
        for (let n = 0; n < times; n++) {
          try {
            running.push(Promise.resolve(ask(attempt, n)).catch((error: unknown) => ends.push(error)));
          } catch (error) {
            ends.push(error);
          }
          if (n % 64 === 0) await settle(1);
        }
        await settle(100);
        expect(ends.length).to.be.at.least(times * 0.89);
        for (const error of ends) expect(error).to.be.instanceOf(LimitExceeded);
        for (const { used, limit } of shares(attempt)) expect(used).to.be.within(limit * 0.9, limit);
        expect(held.length).to.be.below(1025);
        expect(pair.violations).to.deep.equal([]);
        pair.close();
        await Promise.all(running);
        expect(pair.fds.open.size).to.equal(0);
      });
    }

    it('(of answers that nobody reads) is not worked for', async () => {
      const pair = new PeerPair({ pair: { capacity: 1000 } });
      let made = 0;
      serveEverything(pair, pair[of].peer, {
        echo: () => {
          made += 512 * KiB;
          return { bytes: Buffer.alloc(512 * KiB) };
        },
      });
      const thing = pair[by].peer.connect(Everything);
      await thing.add({ a: 1, b: 1 });
      pair.transports[by === 'broker' ? 0 : 1].pause();
      const calls = Array.from({ length: 1000 }, () => thing.echo({ bytes: Buffer.alloc(0) }).catch(() => {}));
      await settle(50);
      expect(made).to.be.below(3 * MiB);
      expect(pair[of].peer.usage().queued.used).to.be.below(3 * MiB);
      pair.close();
      await Promise.all(calls);
    });

    it('(of events, and of items, that nobody reads) is dropped, or waits at its source', async () => {
      const pair = new PeerPair({ pair: { capacity: 1000 } });
      let items = 0;
      const { emit } = serveEverything(pair, pair[of].peer, {
        blobs: function* ({ size }) {
          for (;;) {
            items++;
            yield Buffer.alloc(size);
          }
        },
      });
      const thing = pair[by].peer.connect(Everything);
      const heard: number[] = [];
      using _some = thing.some.on(({ n }) => heard.push(n));
      await thing.add({ a: 1, b: 1 });
      pair.transports[by === 'broker' ? 0 : 1].pause();
      const streams = Array.from({ length: 100 }, () => thing.blobs({ size: 1000 }));
      for (let n = 0; n < 1000; n++) emit.some({ n, pad: Buffer.alloc(10_000) });
      await settle(50);
      expect(pair[of].peer.usage().queued.used).to.be.below(200 * KiB);
      expect(items).to.be.below(300);
      for (const stream of streams) stream.cancel();
      pair.close();
      expect(heard.length).to.be.below(20);
    });
  });
}
