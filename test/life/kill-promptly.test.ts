import { expect } from 'chai';
import { broker } from '../addon/support.js';
import { leakGate } from '../support/leak-gate.js';
import { statusField } from '../support/processes.js';
import { launchTree } from '../support/programs.js';
import { schedulingOf } from '../support/scheduling.js';

/** Nanoseconds; what the kernel takes for the shortest that there is. */
const SHORTEST = 100_000n;

/** Where processors are busy, a kill takes as long as those wait for their turn who have something to do for it. */
describe('a tree that computes', () => {
  leakGate();

  it('is watched over by a launcher that is let in between, and what it starts is like any other', async function () {
    const { slice } = schedulingOf(process.pid);
    if (slice === 0n) this.skip();
    for (const limits of [{}, { processes: 64 }]) {
      await using sandboxee = await launchTree('idle', 1, limits);
      const launcher = Number(statusField(sandboxee.pid, 'PPid'));
      expect(schedulingOf(launcher)).to.deep.equal({ nice: schedulingOf(process.pid).nice, slice: SHORTEST });
      expect(schedulingOf(sandboxee.pid)).to.deep.equal(schedulingOf(process.pid));
    }
  });

  it('is ended by hurrying who was killed, and nobody else', async () => {
    const { pid, pidfd } = broker.spawn('/bin/sleep', ['sleep', '1000'], []);
    const before = schedulingOf(process.pid);
    expect(broker.hurry(pid)).to.equal(true);
    const { nice, slice } = schedulingOf(pid);
    // Who may not raise it leaves it as it is.
    expect([-20, before.nice]).to.include(nice);
    if (before.slice !== 0n) expect(slice).to.equal(SHORTEST);
    expect(schedulingOf(process.pid)).to.deep.equal(before);
    broker.signalPidfd(pidfd, 9);
    await new Promise<void>((resolve) => new broker.PidfdWatcher(pidfd, () => resolve()));
    broker.waitPidfd(pidfd);
    expect(broker.hurry(pid)).to.equal(false);
    broker.close(pidfd);
  });
});
