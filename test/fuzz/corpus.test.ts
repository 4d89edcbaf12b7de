import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { packageRoot, readCorpus } from './corpus.js';
import { campaign } from './engine.js';
import type { FuzzTarget } from './target.js';
import { targets } from './targets.js';

describe('the fuzzed part', () => {
  leakGate();

  for (const target of targets) {
    it(`${target.name} takes all that is kept in its corpus`, async () => {
      for (const input of [Buffer.alloc(0), ...target.seeds(), ...readCorpus(target.name)]) {
        await target.run(Buffer.from(input));
      }
    });
  }
});

describe('the fuzzer', () => {
  leakGate();

  /** Fails at three bytes in a row, which nobody finds at once; and reads them in measured code, one after the other. */
  const planted: FuzzTarget = {
    name: 'planted',
    most: 64,
    words: [],
    seeds: () => [Buffer.from('begin with this')],
    run: (input) => {
      if (input.indexOf('!') >= 0 && input.length > 20) throw new Error('found');
    },
  };
  const options = { seed: 5, time: 20_000, corpus: [], root: `file://${packageRoot}/dist/` };

  it('finds what does not hold, and makes it short', async () => {
    const { find } = await campaign(planted, options);
    expect(find?.error).to.have.property('message', 'found');
    expect(find?.input).to.have.length(21);
  });

  it('keeps few inputs, which reach all that was reached', async () => {
    const target = targets.find(({ name }) => name === 'msgpack');
    const first = await campaign(target ?? planted, { ...options, time: 300 });
    const again = await campaign(target ?? planted, { ...options, time: 0, corpus: first.corpus });
    expect(first.corpus.length).to.be.below(200);
    // What runs once in a process is reached by nobody the second time.
    expect(again.blocks).to.be.above(0.8 * first.blocks);
  });
});
