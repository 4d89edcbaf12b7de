// Runs the fuzzers, each for a while from its kept corpus: `npm run fuzz -- --seconds 60 [name…]`. What breaks one is left in
// native/build/fuzz, and becomes a named test. `--keep` adds what was found to be new to the corpus.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '..');
const native = path.join(root, 'native');
const output = path.join(native, 'build', 'fuzz');
const corpora = path.join(root, 'test', 'fuzz', 'corpus');

/** libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer. Sources are of native/. */
const LIBFUZZER = [
  {
    name: 'ring',
    sources: [
      'fuzz/ring.cc',
      'addon/chunk_queue.cc',
      'addon/receive.cc',
      'addon/release_inline.cc',
      'addon/ring.cc',
      'addon/ring_link.cc',
      'addon/ring_memory.cc',
      'addon/ring_records.cc',
      'addon/send_queue.cc',
    ],
  },
];

/** Each is run by `run(seconds, keep)`, which returns whether it held. */
const fuzzers = LIBFUZZER.map(({ name, sources }) => ({
  name,
  run: (seconds, keep) => libFuzzer(name, sources, seconds, keep),
}));

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, keep: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const seconds = Number(values.seconds);
if (!Number.isInteger(seconds) || seconds < 1) fail(`--seconds ${values.seconds}: give a whole number from 1`);
const chosen = fuzzers.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
if (chosen.length === 0) fail(`there are only ${fuzzers.map(({ name }) => name).join(', ')}`);
for (const { name, run } of chosen) {
  if (!run(seconds, values.keep)) fail(`${name} broke: see ${path.relative(root, output)}`);
}

function libFuzzer(name, sources, duration, keep) {
  const binary = path.join(output, name);
  const found = path.join(output, `${name}-found`);
  const corpus = path.join(corpora, name);
  for (const folder of [found, corpus]) mkdirSync(folder, { recursive: true });
  const headers = path.resolve(process.execPath, '../../include/node');
  const addonApi = JSON.parse(createRequire(import.meta.url)('node-addon-api').include);
  const flags = ['-std=gnu++17', '-g', '-O1', '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=undefined'];
  const includes = [native, headers, addonApi].map((folder) => `-I${folder}`);
  const build = spawnSync('clang++', [...flags, ...includes, ...sources, '-o', binary], {
    cwd: native,
    encoding: 'utf8',
  });
  if (build.error?.code === 'ENOENT') fail('there is no clang++ (Debian: clang)');
  if (build.status !== 0) fail(`clang++ failed on ${name}\n${build.stderr}`);
  const limits = [`-max_total_time=${duration}`, '-timeout=10', '-rss_limit_mb=512', '-max_len=4096'];
  // New inputs go to the first folder.
  const folders = keep ? [corpus] : [found, corpus];
  const run = spawnSync(binary, [...limits, `-artifact_prefix=${output}/${name}-`, ...folders], { encoding: 'utf8' });
  const summary = run.stderr.match(/Done \d+ runs in \d+ second\(s\)/)?.[0];
  if (run.status !== 0) console.error(run.stderr.slice(-8000));
  console.log(`fuzz ${name}: ${summary ?? `status ${run.status ?? run.signal}`}`);
  return run.status === 0 && existsSync(binary);
}

function fail(message) {
  console.error(`fuzz: ${message}`);
  process.exit(1);
}
