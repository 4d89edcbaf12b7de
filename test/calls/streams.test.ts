import { expect } from 'chai';
import { ClosedError, LimitExceeded, PeerGone, RemoteError, TimeoutError } from '../../protocols/errors.js';
import { rejection, settle, thrown } from '../comms/support.js';
import { Everything, PeerPair, serveEverything } from './support.js';

describe('a stream', () => {
  let pair: PeerPair;
  beforeEach(() => {
    pair = new PeerPair();
  });
  afterEach(() => {
    pair.close();
    expect(pair.violations).to.deep.equal([]);
    expect(pair.fds.open.size).to.equal(0);
  });
  const connect = (replaced: Parameters<typeof serveEverything>[2] = {}) => {
    serveEverything(pair, pair.sandboxee.peer, replaced);
    return pair.broker.peer.connect(Everything);
  };

  it('brings every item, in order, and then ends', async () => {
    const items: number[] = [];
    for await (const n of connect().count({ to: 100 })) items.push(n);
    expect(items).to.deep.equal(Array.from({ length: 100 }, (_, n) => n));
    expect(pair.broker.peer.usage().made.calls.used).to.equal(0);
    expect(pair.sandboxee.peer.usage().served.calls.used).to.equal(0);
  });

  it('is a ReadableStream as well', async () => {
    const items: number[] = [];
    for await (const n of connect().count({ to: 10 }).toReadable()) items.push(n);
    expect(items).to.have.length(10);
  });

  it('asks its source for no more than its window, as long as nobody reads', async () => {
    let asked = 0;
    const stream = connect({
      count: function* () {
        for (;;) yield asked++;
      },
    }).count({ to: 0 });
    await settle(30);
    expect(asked).to.equal(4);
    const items = stream[Symbol.asyncIterator]();
    for (let n = 0; n < 50; n++) expect(await items.next()).to.deep.equal({ done: false, value: n });
    await settle(30);
    expect(asked).to.equal(54);
    stream.cancel();
  });

  it('keeps to its window in bytes as well', async () => {
    let asked = 0;
    const stream = connect({
      blobs: function* ({ size }) {
        for (;;) {
          asked++;
          yield Buffer.alloc(size);
        }
      },
    }).blobs({ size: 3000 });
    await settle(30);
    expect(asked).to.equal(4);
    stream.cancel();
  });

  it('ends upstream when its reader breaks off', async () => {
    let isOver = false;
    const { count } = connect({
      count: async function* (_input, context) {
        try {
          for (let n = 0; ; n++) yield n;
        } finally {
          isOver = true;
          expect(context.signal.aborted).to.equal(true);
        }
      },
    });
    for await (const n of count({ to: 0 })) if (n === 10) break;
    await settle();
    expect(isOver).to.equal(true);
    expect(pair.broker.peer.usage().made.calls.used).to.equal(0);
  });

  it('ends upstream when its ReadableStream is cancelled, and when it is disposed of', async () => {
    let ended = 0;
    const { count } = connect({
      count: async function* () {
        try {
          for (let n = 0; ; n++) yield n;
        } finally {
          ended++;
        }
      },
    });
    const reader = count({ to: 0 }).toReadable().getReader();
    await reader.read();
    await reader.cancel();
    {
      using stream = count({ to: 0 });
      await stream[Symbol.asyncIterator]().next();
    }
    await settle();
    expect(ended).to.equal(2);
  });

  it('may be asked for several items at once, each of which comes', async () => {
    const items = connect().count({ to: 3 })[Symbol.asyncIterator]();
    const results = await Promise.all([items.next(), items.next(), items.next(), items.next(), items.next()]);
    expect(results.map(({ value }) => value)).to.deep.equal([0, 1, 2, undefined, undefined]);
  });

  it('has one reader', () => {
    const stream = connect().count({ to: 1 });
    stream[Symbol.asyncIterator]();
    expect(thrown(() => stream[Symbol.asyncIterator]())).to.be.instanceOf(ClosedError);
    stream.cancel();
  });

  it('fails after the items before it, by a code that the interface declares', async () => {
    const items: number[] = [];
    const { count } = connect({
      count: async function* (_input, context) {
        yield 1;
        yield 2;
        throw context.fail('stuck');
      },
    });
    const read = async () => {
      for await (const n of count({ to: 0 })) items.push(n);
    };
    expect(await rejection(read()))
      .to.be.instanceOf(RemoteError)
      .and.to.have.property('code', 'stuck');
    expect(items).to.deep.equal([1, 2]);
  });

  it('fails as internal where what is served cannot be iterated, or an item is not of its type', async () => {
    const { count } = connect({
      count: async function* () {
        yield 0.5;
      },
    });
    expect(await rejection(count({ to: 0 })[Symbol.asyncIterator]().next())).to.have.property('code', 'internal');
  });

  it('waits for an item no longer than its timeout, and as long as nobody asks', async () => {
    const { count } = connect({
      count: async function* () {
        yield 1;
        await new Promise(() => {});
      },
    });
    const items = count({ to: 0 }, { timeout: 50 })[Symbol.asyncIterator]();
    expect((await items.next()).value).to.equal(1);
    expect(await rejection(items.next())).to.be.instanceOf(TimeoutError);
  });

  it('ends at its signal, with its reason', async () => {
    const controller = new AbortController();
    const items = connect().count({ to: 1000 }, { signal: controller.signal })[Symbol.asyncIterator]();
    await items.next();
    controller.abort(new Error('enough'));
    expect(await rejection(items.next())).to.have.property('message', 'enough');
  });

  it('ends with PeerGone after what had arrived', async () => {
    const items = connect({
      count: async function* () {
        yield 1;
        await new Promise(() => {});
      },
    })
      .count({ to: 0 })
      [Symbol.asyncIterator]();
    await settle();
    pair.sandboxee.comms.close();
    await settle();
    expect((await items.next()).value).to.equal(1);
    expect(await rejection(items.next())).to.be.instanceOf(PeerGone);
  });

  it('of bulk lets a call by: no more than a little waits before it', async () => {
    const narrow = new PeerPair({ pair: { capacity: 1024 } });
    serveEverything(narrow, narrow.sandboxee.peer);
    const remote = narrow.broker.peer.connect(Everything);
    const streams = Array.from({ length: 50 }, () => remote.blobs({ size: 5000 }));
    await settle(100);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, narrow.sandboxee.peer.usage().queued.used);
    }, 0);
    expect(await remote.add({ a: 1, b: 1 })).to.equal(2);
    clearInterval(watch);
    expect(most).to.be.below(64 * 1024 + 2 * 5020);
    for (const stream of streams) stream.cancel();
    narrow.close();
  });

  it('that nobody reads costs its window, whatever other streams bring', async () => {
    const { blobs } = connect();
    const streams = Array.from({ length: 100 }, () => blobs({ size: 1000 }));
    await settle(50);
    let read = 0;
    for await (const blob of streams[0] ?? []) {
      expect(blob).to.have.length(1000);
      if (++read === 100) break;
      await settle(1);
    }
    expect(read).to.equal(100);
    for (const stream of streams) stream.cancel();
  });
});

describe('an event', () => {
  let pair: PeerPair;
  const blob = Buffer.alloc(20_000);
  beforeEach(() => {
    pair = new PeerPair({ pair: { capacity: 30_000 } });
  });
  afterEach(() => {
    pair.close();
    expect(pair.violations).to.deep.equal([]);
  });
  const connect = () => {
    const { emit } = serveEverything(pair, pair.sandboxee.peer);
    return { emit, remote: pair.broker.peer.connect(Everything) };
  };

  it('reaches every listener, in order, and nobody who does not listen', async () => {
    const { emit, remote } = connect();
    const heard: number[] = [];
    const first = remote.latest.on(({ n }) => heard.push(n));
    remote.latest.on(({ n }) => heard.push(n * 10));
    await settle();
    emit.latest({ n: 1 });
    emit.latest({ n: 2 });
    await settle();
    expect(heard).to.deep.equal([1, 10, 2, 20]);
    first[Symbol.dispose]();
    emit.latest({ n: 3 });
    await settle();
    expect(heard.slice(4)).to.deep.equal([30]);
  });

  it('does not leave the other side while nobody listens', async () => {
    const { emit, remote } = connect();
    const listening = remote.some.on(() => {});
    await settle();
    listening[Symbol.dispose]();
    await settle();
    emit.some({ n: 1, pad: blob });
    expect(pair.sandboxee.peer.usage().queued.used).to.equal(0);
  });

  it('is asked for before the interface is served', async () => {
    const remote = pair.broker.peer.connect(Everything);
    const heard: number[] = [];
    remote.latest.on(({ n }) => heard.push(n));
    await settle();
    serveEverything(pair, pair.sandboxee.peer).emit.latest({ n: 5 });
    await settle();
    expect(heard).to.deep.equal([5]);
  });

  it('can be iterated, and the iteration ends with the remote', async () => {
    const { emit, remote } = connect();
    const events = remote.some[Symbol.asyncIterator]();
    await settle();
    emit.some({ n: 1, pad: Buffer.alloc(0) });
    expect((await events.next()).value.n).to.equal(1);
    const next = rejection(events.next());
    remote[Symbol.dispose]();
    expect(await next).to.be.instanceOf(ClosedError);
  });

  it('may be asked for several times at once', async () => {
    const { emit, remote } = connect();
    const events = remote.some[Symbol.asyncIterator]();
    const both = Promise.all([events.next(), events.next()]);
    await settle();
    emit.some({ n: 1, pad: Buffer.alloc(0) });
    emit.some({ n: 2, pad: Buffer.alloc(0) });
    expect((await both).map(({ value }) => value.n)).to.deep.equal([1, 2]);
  });

  it('whose listener throws does no harm to the others, nor to the peer', async () => {
    const { emit, remote } = connect();
    const heard: number[] = [];
    remote.latest.on(() => {
      throw new Error('mine');
    });
    remote.latest.on(({ n }) => heard.push(n));
    await settle();
    emit.latest({ n: 1 });
    await settle();
    expect(heard).to.deep.equal([1]);
  });

  it('that cannot be sent as fast: the oldest of its window are dropped', async () => {
    const { emit, remote } = connect();
    const heard: number[] = [];
    remote.some.on(({ n }) => heard.push(n));
    await settle();
    for (let n = 0; n < 100; n++) emit.some({ n, pad: blob });
    expect(pair.sandboxee.peer.usage().queued.used).to.be.below(100_000);
    await settle(50);
    expect(heard.slice(-4)).to.deep.equal([96, 97, 98, 99]);
    expect(heard.length).to.be.below(15);
  });

  it('that cannot be sent as fast ends the listening, where it may not be dropped', async () => {
    const { emit, remote } = connect();
    const events = remote.all[Symbol.asyncIterator]();
    await settle();
    for (let n = 0; n < 100; n++) emit.all({ n, pad: blob });
    const read = async () => {
      for (;;) await events.next();
    };
    expect(await rejection(read())).to.be.instanceOf(LimitExceeded);
  });

  it('that is not taken as fast is held up to its window, or ends the iteration', async () => {
    const { emit, remote } = connect();
    const [dropping, failing] = [remote.some[Symbol.asyncIterator](), remote.all[Symbol.asyncIterator]()];
    await settle();
    for (let n = 0; n < 10; n++) {
      emit.some({ n, pad: Buffer.alloc(0) });
      emit.all({ n, pad: Buffer.alloc(0) });
    }
    await settle();
    const taken = [];
    for (let count = 0; count < 4; count++) taken.push((await dropping.next()).value.n);
    expect(taken).to.deep.equal([6, 7, 8, 9]);
    for (let count = 0; count < 4; count++) await failing.next();
    expect(await rejection(failing.next())).to.be.instanceOf(LimitExceeded);
  });

  it('ends with PeerGone for who iterates', async () => {
    const { remote } = connect();
    const next = rejection(remote.latest[Symbol.asyncIterator]().next());
    await settle();
    pair.sandboxee.comms.close();
    expect(await next).to.be.instanceOf(PeerGone);
  });
});
