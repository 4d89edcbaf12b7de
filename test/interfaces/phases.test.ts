import { expect } from 'chai';
import { type Hooks, launch, node, policies } from '../../broker/index.js';
import { service } from '../../protocols/index.js';
import { rejection } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { Settings, Warm } from './fixtures/phases.js';

const start = (hooks: Hooks, ...args: string[]) =>
  launch(node(new URL('./fixtures/phases.worker.js', import.meta.url), { args }), {
    policy: policies.node().build(),
    limits: { wallTime: 20_000 },
    services: [service(Settings, { get: () => 'setting' })],
    hooks,
  });

describe('calls of the start-up', () => {
  leakGate();

  it('are made by both sides while the hook runs, and not from go on; all others are made from go on alone', async () => {
    const said: unknown[] = [];
    await using sandboxee = await start({
      started: async (early) => {
        const warm = early.connect(Warm);
        said.push(await warm.warmUp({ word: 'one' }), await warm.warmUp({ word: 'two' }));
        said.push(await rejection(warm.words()));
      },
    });
    expect(said.slice(0, 2)).to.deep.equal(['setting: one', 'setting: two']);
    expect(said[2]).to.have.property('code', 'ERR_SALLYPORT_CLOSED');
    const warm = sandboxee.connect(Warm);
    expect(await warm.words()).to.deep.equal(['one', 'two']);
    expect(await rejection(warm.warmUp({ word: 'late' })))
      .to.have.property('message')
      .that.contains('before go alone');
  });

  it('keep a remote that was connected then', async () => {
    const kept: { words(): Promise<string[]> }[] = [];
    await using sandboxee = await start({
      started: async (early) => {
        const warm = early.connect(Warm);
        kept.push(warm);
        await warm.warmUp({ word: 'one' });
      },
    });
    expect(await kept[0]?.words()).to.deep.equal(['one']);
    sandboxee.kill('enough');
  });

  it('are refused where they begin too late, by an error of our own making', async () => {
    await using sandboxee = await start(
      {
        started: async (early) => {
          await early.connect(Warm).warmUp({ word: 'one' });
        },
      },
      'late',
    );
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 1 });
  });
});
