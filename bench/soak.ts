import { Command } from 'commander';
import { launch, node, policies } from 'sallyport';
import { holdings, lastingLeaks } from '../test/support/leaks.js';

const { launches, atOnce } = new Command('soak')
  .description('Launches and ends sandboxees, and fails if anything of them is left')
  .option('--launches <n>', 'how many in all', Number, 10_000)
  .option('--at-once <n>', 'how many at a time', Number, 64)
  .parse()
  .opts<{ launches: number; atOnce: number }>();

const policy = policies.node().build();
const executor = node(new URL('./launch.child.js', import.meta.url));

async function once(number: number): Promise<void> {
  const sandboxee = await launch(executor, { policy });
  const message = await sandboxee.comms.recvString();
  if (message !== 'ready') throw new Error(`launch ${number}: ${message}`);
  sandboxee.kill();
  const { status } = await sandboxee.result;
  if (status !== 'killed') throw new Error(`launch ${number}: ${status}`);
}

await once(0);
const before = holdings();
const heapBefore = process.memoryUsage().rss;
let next = 0;
async function lane(): Promise<void> {
  while (next < launches) {
    next += 1;
    const number = next;
    await once(number);
    if (number % 100 === 0) console.log(`${number} of ${launches}`);
  }
}
await Promise.all(Array.from({ length: Math.min(atOnce, launches) }, lane));

const found = await lastingLeaks(before);
const grown = (process.memoryUsage().rss - heapBefore) / 2 ** 20;
console.log(`${launches} launches, ${atOnce} at a time; the broker grew by ${grown.toFixed(1)} MiB`);
if (found.length > 0) {
  console.error(`left behind:\n  ${found.join('\n  ')}`);
  process.exitCode = 1;
} else {
  console.log('nothing is left');
}
