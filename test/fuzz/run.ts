/** Fuzzes one target of JavaScript: `node run.js NAME SECONDS SEED [keep]`. Exit status 1: there is a find. */
import { Worker } from 'node:worker_threads';
import { packageRoot, readCorpus, writeCorpus, writeFind } from './corpus.js';
import type { Campaign } from './engine.js';
import { targetNamed } from './targets.js';
import type { Work } from './worker.js';

type Report = Omit<Campaign, 'find'> & {
  readonly find: { readonly input: Uint8Array; readonly error: string } | undefined;
};

/** Milliseconds that one input may take. */
const HANG = 15_000;

const [name = '', seconds = '10', seed = '1', keep] = process.argv.slice(2);
const shared = new SharedArrayBuffer(8 + targetNamed(name).most);
const work: Work = {
  name,
  seed: Number(seed),
  time: Number(seconds) * 1000,
  corpus: readCorpus(name),
  root: `file://${packageRoot}/dist/`,
  shared,
};
const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: work });
const watch = watchFor(worker);
worker.on('message', (report: Report) => {
  clearInterval(watch);
  console.log(`${name}: ${report.executions} inputs, ${report.blocks} blocks, seed ${seed}`);
  if (report.find !== undefined) fail(report.find.input, report.find.error);
  else if (keep === 'keep') writeCorpus(name, report.corpus);
});
worker.on('error', (error: Error) => {
  clearInterval(watch);
  fail(lastInput(), error.stack ?? error.message);
});

function watchFor(thread: Worker): NodeJS.Timeout {
  const head = new Uint32Array(shared, 0, 1);
  let last = { count: -1, since: 0 };
  return setInterval(() => {
    const count = Atomics.load(head, 0);
    if (count !== last.count) last = { count, since: performance.now() };
    if (performance.now() - last.since < HANG) return;
    clearInterval(watch);
    fail(lastInput(), `it has not come to an end in ${HANG / 1000} s`);
    void thread.terminate();
  }, 500);
}

function lastInput(): Uint8Array {
  const length = new Uint32Array(shared, 4, 1)[0] ?? 0;
  return Uint8Array.from(new Uint8Array(shared, 8, Math.min(length, shared.byteLength - 8)));
}

function fail(input: Uint8Array, error: string): void {
  process.exitCode = 1;
  console.error(`${name}: FIND, in ${writeFind(name, input)} (seed ${seed})\n${error}`);
}
