import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { Fd, launch, node, policies, type Sandboxee } from '../../broker/index.js';
import { type Remote, service } from '../../protocols/index.js';
import { leakGate } from '../support/leak-gate.js';
import { Demo, Vault } from './fixtures/demo.js';

type Step = (demo: Remote<typeof Demo>, sandboxee: Sandboxee) => Promise<unknown>;

const steps: Readonly<Record<string, Step>> = {
  add: (demo) => demo.add({ a: 1, b: 2 }),
  'send an fd': (demo) => demo.size({ file: Fd.open(new URL(import.meta.url)) }),
  'receive an fd': async (demo) => (await demo.script()).file.close(),
  'receive a buffer': async (demo) => (await demo.fill({ size: 100_000, byte: 1 })).memory.close(),
  'send a buffer': (demo, sandboxee) => demo.sum({ memory: sandboxee.createBuffer(100_000, 'writable') }),
  'pass a capability': (demo) =>
    demo.ask({ vault: service(Vault, { read: () => new Promise<never>(() => {}) }), name: 'x' }),
  'read a stream': async (demo) => {
    for await (const _ of demo.count({ to: 500 }));
  },
  'leave a stream unread': async (demo) => {
    demo.count({ to: 500 });
  },
  'hear events': async (demo) => {
    using _listening = demo.progress.on(() => {});
    await demo.work({ steps: 50 });
  },
  hang: (demo) => demo.hang(undefined, { timeout: Infinity }),
  'wait too long': (demo) => demo.hang(undefined, { timeout: 1 }),
  die: (demo) => demo.die(),
};

describe('a sandboxee that is killed at any moment of its calls', () => {
  leakGate();

  it('ends every call, and leaves no fd, buffer or remote in the broker', async () => {
    const script = fc.array(fc.constantFrom(...Object.keys(steps)), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(script, fc.nat(30), async (names, moment) => {
        const sandboxee = await launch(node(new URL('./fixtures/demo.worker.js', import.meta.url)), {
          policy: policies.node().build(),
          limits: { wallTime: 20_000 },
        });
        const demo = sandboxee.connect(Demo);
        const running = names.map((name) => Promise.resolve(steps[name]?.(demo, sandboxee)).catch(() => {}));
        for (let turn = 0; turn < moment; turn++) await nextTurn();
        sandboxee.kill('the moment has come');
        await Promise.all(running);
        await sandboxee.closed;
        await sandboxee.result;
        // Pending calls are told the result, which comes after the end of the channel.
        await nextTurn();
        const { made, served, remotes, queued } = sandboxee.usage();
        for (const { used } of [...Object.values(made), ...Object.values(served), ...Object.values(remotes), queued])
          expect(used).to.equal(0);
        await sandboxee[Symbol.asyncDispose]();
      }),
      { numRuns: 12 },
    );
  });
});
