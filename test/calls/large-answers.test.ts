import { expect } from 'chai';
import { defineInterface, type Implementation, t } from '../../protocols/schema/index.js';
import { KiB, MiB } from '../../protocols/units.js';
import { rejection, settle, turn } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { PeerPair } from './support.js';

const Library = defineInterface('library@1', {
  read: t.method({ input: { size: t.uint32() }, output: t.bytes({ max: 15 * MiB }) }),
  ping: t.method({ output: t.uint32() }),
  ticks: t.event({ n: t.uint32() }, { overflow: 'latest' }),
  pages: t.stream({ item: t.uint32(), window: 4 }),
});

/** What a control frame may find queued before it: what is not sent, one part, and what the socket and the slab hold. */
const BOUND = 64 * KiB + 64 * KiB + 64 * KiB + 128 * KiB;

describe('an answer of many megabytes', () => {
  leakGate();
  let pair: PeerPair;
  let arrived = 0;
  beforeEach(() => {
    pair = new PeerPair({ pair: { capacity: 64 * KiB } });
    const [broker] = pair.transports;
    const { onBatch } = broker;
    arrived = 0;
    broker.onBatch = (filled, fds, status) => {
      const consumed = onBatch(filled, fds, status);
      arrived += consumed;
      return consumed;
    };
  });
  afterEach(() => {
    pair.close();
    expect(pair.violations).to.deep.equal([]);
  });
  const connect = (replaced: Partial<Implementation<typeof Library>> = {}) => {
    const { emit } = pair.sandboxee.peer.serve(Library, {
      read: ({ size }) => Buffer.alloc(size, 7),
      ping: () => 1,
      pages: function* () {
        for (let n = 0; ; n++) yield n;
      },
      ...replaced,
    });
    return { emit, library: pair.broker.peer.connect(Library) };
  };

  it('arrives whole, and so do others of any size beside it', async () => {
    const { library } = connect();
    const sizes = [0, 1, 64 * KiB - 13, 64 * KiB, MiB - 12, MiB, MiB + 1, 3 * MiB, 2 * MiB - 12, 15 * MiB];
    const answers = await Promise.all(sizes.map((size) => library.read({ size })));
    for (const [index, answer] of answers.entries()) {
      expect(answer.length).to.equal(sizes[index]);
      expect(answer.every((byte) => byte === 7)).to.equal(true);
    }
    expect(pair.sandboxee.peer.usage().queued.used).to.equal(0);
  });

  it('does not keep an event, or a smaller answer, waiting for more than a part of it', async () => {
    const answers: ((n: number) => void)[] = [];
    const { emit, library } = connect({ ping: () => new Promise((resolve) => answers.push(resolve)) });
    const heard: number[] = [];
    using _listening = library.ticks.on(({ n }) => heard.push(n));
    const pings = Array.from({ length: 20 }, () => library.ping());
    await settle();
    let done = 0;
    const large = [10, 10, 10].map((size) => library.read({ size: size * MiB }).then(() => done++));
    await settle();
    for (const [round, ping] of pings.entries()) {
      const before = arrived;
      emit.ticks({ n: round });
      answers[round]?.(round);
      expect(await ping).to.equal(round);
      expect(arrived - before).to.be.below(BOUND);
      await turn();
      expect(heard.at(-1)).to.equal(round);
    }
    expect(done).to.equal(0);
    await Promise.all(large);
  });

  it('ends with the peer where that goes while parts are sent, whenever that is', async () => {
    let isWhole = false;
    let drains = 0;
    while (!isWhole) {
      drains += 1;
      const own = new PeerPair({ pair: { capacity: 64 * KiB } });
      own.sandboxee.peer.serve(Library, { read: ({ size }) => Buffer.alloc(size), ping: () => 1, pages: () => [] });
      const reading = own.broker.peer.connect(Library).read({ size: 2 * MiB });
      const [far, near] = own.transports;
      const { onDrain } = near;
      let left = drains;
      near.onDrain = () => {
        left -= 1;
        if (left === 0) far.close();
        onDrain();
      };
      void reading.then(
        () => {
          isWhole = true;
        },
        () => {},
      );
      while (!isWhole && left > 0) await turn();
      await settle();
      own.close();
      expect(own.violations).to.deep.equal([]);
    }
    expect(drains).to.be.above(5);
  });

  it('that nobody waits for any more is drained, and the next is right', async () => {
    const { library } = connect();
    const controller = new AbortController();
    const call = rejection(library.read({ size: 8 * MiB }, { signal: controller.signal }));
    await settle(4);
    controller.abort();
    await call;
    expect(await library.read({ size: 2 * MiB })).to.have.length(2 * MiB);
    expect(pair.broker.peer.usage().made.calls.used).to.equal(0);
  });

  it('counts as queued, and what would be too much of that fails alone', async () => {
    const open: (() => void)[] = [];
    const { library } = connect({
      read: ({ size }) => new Promise((resolve) => open.push(() => resolve(Buffer.alloc(size)))),
    });
    const calls = Array.from({ length: 8 }, () => library.read({ size: 15 * MiB }).catch((error: unknown) => error));
    await settle();
    for (const each of open) each();
    await settle(1);
    const { used, limit } = pair.sandboxee.peer.usage().queued;
    expect(used)
      .to.be.above(30 * MiB)
      .and.to.be.below(limit + 1);
    const ends = await Promise.all(calls);
    const refused = ends.filter((end) => end instanceof Error);
    expect(refused).to.have.length(4);
    for (const each of refused) expect(each).to.have.property('code', 'limit');
  });

  it('is forgotten with the channel', async () => {
    const { library } = connect();
    const call = rejection(library.read({ size: 15 * MiB }));
    await settle(2);
    pair.sandboxee.comms.close();
    await call;
    expect(pair.sandboxee.peer.usage().queued.used).to.equal(0);
  });
});
