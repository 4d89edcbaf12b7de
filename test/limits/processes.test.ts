import { expect } from 'chai';
import { expectLimit } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { statusField } from '../support/processes.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { isUserInBase } from '../support/tier.js';

describe('the limit of processes', () => {
  leakGate();

  it('ends who starts more and more threads, which the kernel refuses at once', async () => {
    await using sandboxee = await launchPuppet({ limits: { processes: 40 } });
    const started = await perform(sandboxee, ({ attack }) => attack.threads(1000)).catch(() => 0);
    // All that the user runs would count.
    if (!isUserInBase) expect(started).to.be.lessThan(40);
    await expectLimit(sandboxee, 'processes', 40);
  });

  it('counts worker threads', async () => {
    await using sandboxee = await launchPuppet({ limits: { processes: 24 }, node: { workerThreads: 24 } });
    await begin(sandboxee, ({ modules: { worker_threads }, state }) => {
      const idle = 'require("node:worker_threads").parentPort.on("message", () => {})';
      state.workers = Array.from({ length: 24 }, () => new worker_threads.Worker(idle, { eval: true }));
    });
    await expectLimit(sandboxee, 'processes', 24);
  });

  it('can be used up to the last thread', async () => {
    await using sandboxee = await launchPuppet({ limits: { processes: 40 } });
    const room = 40 - Number(statusField(sandboxee.pid, 'Threads'));
    const started = await perform(
      sandboxee,
      async ({ attack }, count: number) => {
        const threads = attack.threads(count);
        await new Promise((resolve) => setTimeout(resolve, 200));
        return threads;
      },
      room,
    );
    expect(started).to.equal(room);
    expect(statusField(sandboxee.pid, 'Threads')).to.equal('40');
    await begin(sandboxee, () => process.exit(0));
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
  });
});
