import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { prove } from './compare.js';
import { randomSeed } from './dice.js';

/** `npm run prove` has more. */
const CASES = 100_000;

describe('the meaning of a policy', () => {
  leakGate();

  it(`is what its program does in the simulator, for both architectures, and in the kernel: ${CASES} cases`, function () {
    this.timeout(120_000);
    const seed = randomSeed();
    try {
      const { cases, byKernel, untranslatable, byVerdict } = prove(CASES, seed);
      expect(cases).to.be.at.least(CASES);
      // One more or less is the kernel's affair; many would be ours.
      expect(untranslatable).to.be.at.most(3);
      if (process.arch === 'x64') expect(byKernel).to.be.above(0.98 * cases);
      // Cases that all end the same way would prove nothing.
      for (const kind of ['allow', 'errno', 'notify', 'trace', 'permit', 'kill-process']) {
        expect(byVerdict.get(kind), kind).to.be.above(CASES / 50);
      }
    } catch (error) {
      throw new Error(`to see it again: npm run prove -- --cases ${CASES} --seed ${seed}`, { cause: error });
    }
  });
});
