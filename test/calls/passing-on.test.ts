import { expect } from 'chai';
import { lend } from '../../protocols/calls/forward.js';
import { callLimits } from '../../protocols/calls/limits.js';
import { service } from '../../protocols/calls/service.js';
import { defer } from '../../protocols/deferred.js';
import { ClosedError, InvalidArgument } from '../../protocols/errors.js';
import type { Context } from '../../protocols/schema/index.js';
import { rejection, settle, thrown } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { Everything, handlersOf, Logger, PeerPair, serveEverything } from './support.js';
import { expectNoReferences, Shelf, serveShelf, Triangle } from './triangle.js';

describe('a remote that goes back to its own side', () => {
  leakGate();

  for (const [owner, other] of [
    ['broker', 'sandboxee'],
    ['sandboxee', 'broker'],
  ] as const) {
    it(`(the ${owner}'s) is called there, without the other side, and leaves no reference`, async () => {
      const pair = new PeerPair();
      serveShelf(pair[other].peer);
      const shelf = pair[owner].peer.connect(Shelf);
      const added: number[] = [];
      const own = service(Everything, handlersOf(pair, { add: ({ a, b }) => added.push(a + b) }));
      await shelf.put({ thing: own });
      expect(pair[owner].peer.usage().remotes.given.used).to.equal(1);
      const { thing } = await shelf.take();
      await settle();
      expectNoReferences(pair[owner].peer, pair[other].peer);
      pair[other].comms.close();
      await settle();
      expect(await thing.add({ a: 2, b: 3 }), 'it is of this side, and outlives the other').to.equal(1);
      expect(added).to.deep.equal([5]);
      const { file } = await thing.give();
      expect(await thing.take({ file })).to.equal(1);
      const items: number[] = [];
      for await (const n of thing.count({ to: 3 })) items.push(n);
      expect(items).to.deep.equal([0, 1, 2]);
      const heard: number[] = [];
      thing.latest.on(({ n }) => heard.push(n));
      await settle();
      own.emit.latest({ n: 7 });
      await settle();
      expect(heard).to.deep.equal([7]);
      expect(await rejection(thing.fail({ how: 'too-large' }))).to.have.property('code', 'too-large');
      thing[Symbol.dispose]();
      expect(await rejection(thing.nothing())).to.be.instanceOf(ClosedError);
      pair.close();
      expect(pair.violations).to.deep.equal([]);
      expect(pair.fds.open.size).to.equal(0);
    });
  }

  it('may be of connect(), once it is connected', async () => {
    const pair = new PeerPair();
    serveEverything(pair, pair.sandboxee.peer);
    serveShelf(pair.sandboxee.peer);
    const shelf = pair.broker.peer.connect(Shelf);
    const early = await rejection(shelf.put({ thing: pair.broker.peer.connect(Everything) }));
    expect(early).to.be.instanceOf(InvalidArgument).and.to.have.property('message').that.contains('not connected yet');
    const thing = pair.broker.peer.connect(Everything);
    expect(await thing.add({ a: 1, b: 1 })).to.equal(2);
    await shelf.put({ thing });
    expect(await shelf.add({ a: 4, b: 5 })).to.equal(9);
    expect(await rejection(thing.add({ a: 1, b: 1 })), 'it was moved').to.be.instanceOf(ClosedError);
    pair.close();
    expect(pair.violations).to.deep.equal([]);
  });

  it('is moved also where the call is refused', async () => {
    const triangle = new Triangle();
    const thing = await triangle.thing();
    const error = await rejection(triangle.ofA.put({ thing }, { signal: AbortSignal.abort() }));
    expect(error).to.have.property('name', 'AbortError');
    expect(await rejection(thing.nothing())).to.be.instanceOf(ClosedError);
    const other = await triangle.thing();
    expect(thrown(() => lend(Everything, JSON.parse('{}')))).to.be.instanceOf(InvalidArgument);
    await rejection(triangle.ofA.twice({ one: other, other }));
    await settle();
    await triangle.expectNothingLeft();
    triangle.close();
  });
});

describe('a remote that goes on to a third side', () => {
  leakGate();
  let triangle: Triangle;
  beforeEach(() => {
    triangle = new Triangle();
  });
  afterEach(async () => {
    await triangle.expectNothingLeft();
    triangle.close();
  });

  it('is called through this one: methods, failures, fds, streams and events', async () => {
    const thing = await triangle.passOn();
    expect(await thing.add({ a: 2, b: 3 })).to.equal(5);
    expect(await rejection(thing.fail({ how: 'too-large' }))).to.include({
      code: 'too-large',
      detail: 'it has 7 heads',
    });
    expect(await rejection(thing.fail({ how: 'secret' }))).to.have.property('code', 'internal');
    const items: number[] = [];
    for await (const n of thing.count({ to: 20 })) items.push(n);
    expect(items).to.have.length(20);
    const heard: number[] = [];
    using _listening = thing.latest.on(({ n }) => heard.push(n));
    await settle(20);
    triangle.own.emit.latest({ n: 5 });
    await settle(20);
    expect(heard).to.deep.equal([5]);
    thing[Symbol.dispose]();
  });

  it('ends upstream what is cancelled or broken off', async () => {
    let ended = 0;
    const waiting = defer<Context>();
    triangle.close();
    triangle = new Triangle({
      wait: (_input, context) => {
        waiting.resolve(context);
        return new Promise(() => {});
      },
      count: async function* () {
        try {
          for (let n = 0; ; n++) yield n;
        } finally {
          ended++;
        }
      },
    });
    const thing = await triangle.passOn();
    for await (const n of thing.count({ to: 0 })) if (n === 9) break;
    const controller = new AbortController();
    const call = rejection(thing.wait({ id: 1 }, { signal: controller.signal }));
    const { signal } = await waiting.promise;
    controller.abort();
    await call;
    await settle(30);
    expect(signal.aborted).to.equal(true);
    expect(ended).to.equal(1);
    thing[Symbol.dispose]();
  });

  it('takes along what its calls carry, in both directions, and all of it is let go of', async () => {
    const thing = await triangle.passOn();
    const lines: string[] = [];
    const logger = service(Logger, {
      log: ({ line }) => {
        lines.push(line);
      },
    });
    await thing.use({ logger, line: 'of the other sandboxee' });
    expect(lines).to.deep.equal(['of the other sandboxee']);
    const { store } = await thing.open({ prefix: 'p/' });
    await store.set({ key: 'a', value: 'x' });
    expect(await store.get({ key: 'a' })).to.deep.equal({ value: 'x' });
    store[Symbol.dispose]();
    thing[Symbol.dispose]();
  });

  it('is this side’s own remote again where it comes back, and the source’s own where that gets it', async () => {
    await triangle.passOn();
    const { thing } = await triangle.ofB.take();
    await settle(20);
    expect(triangle.references().slice(2), 'nothing goes by the third side any more').to.deep.equal([
      { held: 0, given: 0 },
      { held: 0, given: 0 },
    ]);
    expect(await thing.add({ a: 1, b: 1 })).to.equal(2);
    await triangle.ofA.put({ thing });
    expect(await triangle.ofA.add({ a: 20, b: 22 })).to.equal(42);
    await settle(20);
    triangle.thingOfA()?.[Symbol.dispose]();
  });

  it('goes round without end, and no reference is left behind', async () => {
    let { thing } = { thing: await triangle.thing() };
    for (let round = 0; round < 50; round++) {
      await triangle.ofB.put({ thing });
      ({ thing } = await triangle.ofB.take());
    }
    await settle(20);
    expect(triangle.references()[0]).to.deep.equal({ held: 0, given: 1 });
    thing[Symbol.dispose]();
  });

  it('is unavailable once its source is gone', async () => {
    const thing = await triangle.passOn();
    const pending = rejection(thing.wait({ id: 1 }));
    await settle();
    triangle.a.sandboxee.comms.close();
    expect(await pending).to.have.property('code', 'unavailable');
    expect(await rejection(thing.add({ a: 1, b: 1 }))).to.have.property('code', 'unavailable');
    thing[Symbol.dispose]();
  });

  it('is let go of at its source where who has it is gone', async () => {
    await triangle.passOn();
    expect(triangle.references()[0]).to.deep.equal({ held: 0, given: 1 });
    triangle.b.sandboxee.comms.close();
    await settle(20);
    expect(triangle.references()[0]).to.deep.equal({ held: 0, given: 0 });
  });

  it('leaves half of the source to this side, whatever the third asks for', async () => {
    const thing = await triangle.passOn();
    const own = await triangle.thing();
    const controller = new AbortController();
    let refused = 0;
    const calls = Array.from({ length: callLimits.calls }, (_, id) =>
      thing.wait({ id }, { signal: controller.signal }).catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'limit') refused++;
      }),
    );
    await settle(100);
    expect(refused).to.equal(callLimits.calls / 2);
    expect(await own.add({ a: 1, b: 2 })).to.equal(3);
    controller.abort();
    await Promise.all(calls);
    thing[Symbol.dispose]();
    own[Symbol.dispose]();
  });

  it('may be lent instead: to several, and is taken away from them all', async () => {
    const thing = await triangle.thing();
    const lent = lend(Everything, thing);
    await triangle.ofB.put({ thing: lent });
    await triangle.ofB.put({ thing: lent });
    const theirs = triangle.thingOfB();
    expect(await theirs?.add({ a: 1, b: 2 })).to.equal(3);
    lent[Symbol.dispose]();
    expect(await rejection(triangle.ofB.add({ a: 1, b: 2 }))).to.have.property('code', 'internal');
    expect(await rejection(theirs?.add({ a: 1, b: 2 }) ?? Promise.resolve())).to.have.property('code', 'unavailable');
    expect(await thing.add({ a: 1, b: 2 }), 'it is still here').to.equal(3);
    thing[Symbol.dispose]();
    for (const each of triangle.thingsOfB) each[Symbol.dispose]();
  });
});
