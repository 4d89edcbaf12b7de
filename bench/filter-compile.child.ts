import { policies } from 'sallyport';
import type { CompileTimes } from './filter-compile.js';

const [build, policy] = timed(() => policies.node().build());
const [compile, program] = timed(() => policy.compile());
const [again, same] = timed(() => policy.compile());
if (same !== program) throw new Error('a policy is compiled once');
const other = policies.node().build();
const [second] = timed(() => other.compile());
const times: CompileTimes = { build, compile, again, second };
console.log(JSON.stringify(times));

function timed<Result>(work: () => Result): readonly [number, Result] {
  const start = performance.now();
  const result = work();
  return [performance.now() - start, result];
}
