import { expect } from 'chai';
import fc from 'fast-check';
import { service } from '../../protocols/calls/service.js';
import { settle, turn } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { Logger } from './support.js';
import { type Thing, Triangle } from './triangle.js';

const SCRIPTS = 150;

interface Stage {
  readonly triangle: Triangle;
  readonly thing: Thing;
  readonly abort: AbortController;
}

/** What the broker, or the sandboxee that something was passed on to, does with it. Each may end in any way, but must end. */
const steps: Readonly<Record<string, (stage: Stage) => Promise<unknown>>> = {
  add: ({ thing }) => thing.add({ a: 1, b: 2 }),
  large: ({ thing }) => thing.echo({ bytes: Buffer.alloc(300_000) }),
  'fail by a code': ({ thing }) => thing.fail({ how: 'too-large' }),
  'throw in a handler': ({ thing }) => thing.fail({ how: 'other' }),
  'wait until it is cancelled': ({ thing, abort }) => thing.wait({ id: 1 }, { signal: abort.signal }),
  'wait for its deadline': ({ thing }) => thing.wait({ id: 1 }, { timeout: 5 }),
  'wait for ever': ({ thing }) => thing.wait({ id: 1 }, { timeout: Infinity }),
  'take an fd': ({ thing, triangle }) => thing.take({ file: triangle.b.fd() }),
  'take an fd of the wrong kind': ({ thing, triangle }) => thing.take({ file: triangle.b.fd({ mode: 0o010000 }) }),
  'give an fd': async ({ thing }) => (await thing.give()).file.close(),
  'give an fd that nobody waits for': ({ thing }) =>
    thing.give(undefined, { timeout: 0.001 }).then(({ file }) => file.close()),
  'use a logger': ({ thing }) => thing.use({ logger: service(Logger, { log: () => {} }), line: 'x' }),
  'open a store': async ({ thing }) => {
    using store = (await thing.open({ prefix: '' })).store;
    await store.set({ key: 'a', value: 'b' });
  },
  'read a stream': async ({ thing }) => {
    for await (const _ of thing.count({ to: 20 }));
  },
  'break a stream off': async ({ thing }) => {
    for await (const _ of thing.blobs({ size: 2000 })) break;
  },
  'leave a stream unread': async ({ thing, abort }) => {
    thing.blobs({ size: 2000 }, { signal: abort.signal });
  },
  'hear events': async ({ thing, triangle }) => {
    using _listening = thing.some.on(() => {});
    await turn();
    for (let n = 0; n < 20; n++) triangle.own.emit.some({ n, pad: Buffer.alloc(10_000) });
  },
  'give it to the third side': async ({ triangle }) => triangle.ofB.put({ thing: await triangle.thing() }),
  'have it back': async ({ triangle }) => (await triangle.ofB.take()).thing[Symbol.dispose](),
  'give it to its own side': async ({ triangle }) => triangle.ofA.put({ thing: await triangle.thing() }),
};

describe('a peer that is killed at any moment of anything', () => {
  leakGate();

  for (const who of ['the source', 'who it was passed on to', 'nobody'] as const) {
    it(`(${who}) leaves no call, fd or remote behind`, async () => {
      const script = fc.array(fc.constantFrom(...Object.keys(steps)), { minLength: 1, maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(script, fc.nat(12), fc.boolean(), async (names, moment, isPassedOn) => {
          const triangle = new Triangle();
          const abort = new AbortController();
          const thing = isPassedOn ? await triangle.passOn() : await triangle.thing();
          const running = names.map((name) =>
            Promise.resolve(steps[name]?.({ triangle, thing, abort })).catch(() => {}),
          );
          for (let each = 0; each < moment; each++) await turn();
          if (who === 'the source') triangle.a.sandboxee.comms.close();
          else if (who === 'who it was passed on to') triangle.b.sandboxee.comms.close();
          abort.abort();
          await settle();
          const remaining = [triangle.a.sandboxee, triangle.b.sandboxee];
          for (const { comms } of remaining) comms.close();
          await Promise.all(running);
          await settle(20);
          for (const peer of triangle.peers()) {
            const { made, served, remotes, queued } = peer.usage();
            const used = [...Object.values(made), ...Object.values(served), ...Object.values(remotes), queued];
            expect(used.map((share) => share.used)).to.deep.equal(used.map(() => 0));
          }
          expect([...triangle.a.violations, ...triangle.b.violations]).to.deep.equal([]);
          expect([...triangle.a.fds.open]).to.deep.equal([]);
          triangle.close();
        }),
        { numRuns: SCRIPTS },
      );
    });
  }

  it('and one that is not: after any script all is let go of, without the end of a channel', async () => {
    const script = fc.array(fc.constantFrom(...Object.keys(steps)), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(script, fc.boolean(), async (names, isPassedOn) => {
        const waiting: (() => void)[] = [];
        const triangle = new Triangle({
          wait: (_input, context) =>
            new Promise<never>((_, reject) => {
              waiting.push(() => reject(new Error('enough')));
              context.signal.addEventListener('abort', () => reject(new Error('enough')));
            }),
        });
        const abort = new AbortController();
        const thing = isPassedOn ? await triangle.passOn() : await triangle.thing();
        const running = names.map((name) => Promise.resolve(steps[name]?.({ triangle, thing, abort })).catch(() => {}));
        await settle(20);
        abort.abort();
        for (const end of waiting) end();
        await Promise.all(running);
        await settle(20);
        for (const each of [thing, ...triangle.thingsOfA, ...triangle.thingsOfB]) each[Symbol.dispose]();
        await settle(30);
        for (const peer of triangle.peers()) {
          const { made, served, queued } = peer.usage();
          const used = [...Object.values(made), ...Object.values(served), queued];
          expect(used.map((share) => share.used)).to.deep.equal(used.map(() => 0));
        }
        await triangle.expectNothingLeft();
        triangle.close();
      }),
      { numRuns: SCRIPTS },
    );
  });
});
