/** `npm run prove`: the comparison of meaning.test.ts, for as long as one likes. */
import { Command } from 'commander';
import { prove } from './compare.js';
import { randomSeed } from './dice.js';

const { cases, seed } = new Command('prove')
  .description('Compares what policies mean with what their programs do in the simulator and in the kernel')
  .option('--cases <n>', 'pairs of a policy and a call', Number, 10_000_000)
  .option('--seed <n>', 'the seed of an earlier run', Number, randomSeed())
  .parse()
  .opts<{ cases: number; seed: number }>();

console.log(`seed ${seed}`);
const start = performance.now();
let shown = 0;
const proven = prove(cases, seed, (done) => {
  if (done - shown < cases / 10) return;
  shown = done;
  console.log(`${done} cases`);
});
const seconds = ((performance.now() - start) / 1000).toFixed(1);
const verdicts = [...proven.byVerdict].map(([kind, count]) => `${kind} ${count}`).join(', ');
console.log(`${proven.cases} cases (${verdicts}) of ${proven.policies} policies: none differs.`);
if (proven.untranslatable > 0)
  console.log(`${proven.untranslatable} of the policies the kernel's JIT could not translate.`);
console.log(`${proven.byKernel} of them by the kernel too. ${seconds} s, seed ${seed}`);
