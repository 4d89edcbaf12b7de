import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { isAlive } from '../support/processes.js';
import { launchPuppet, perform } from '../support/puppet.js';

describe('many sandboxees', () => {
  leakGate();

  it('work 64 at a time, each answers for itself, and all end', async function () {
    this.timeout(60_000);
    const sandboxees = await Promise.all(Array.from({ length: 64 }, () => launchPuppet()));
    const pids = sandboxees.map(({ pid }) => pid);
    expect(new Set(pids).size).to.equal(64);
    const answers = await Promise.all(
      sandboxees.map((sandboxee, index) => perform(sandboxee, (_kit, own: number) => own * own, index)),
    );
    expect(answers).to.deep.equal(sandboxees.map((_, index) => index * index));
    const results = await Promise.all(sandboxees.map((sandboxee) => sandboxee.close()));
    expect(results.every(({ status }) => status === 'killed')).to.equal(true);
    expect(pids.filter(isAlive)).to.deep.equal([]);
  });

  it('end without a word to each other: one killed, the others work on', async () => {
    await using first = await launchPuppet();
    await using second = await launchPuppet();
    first.kill();
    await first.result;
    expect(await perform(second, () => 'still here')).to.equal('still here');
  });
});
