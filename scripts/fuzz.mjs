// Fuzzes: npm run fuzz -- [--seconds N] [--target NAME] [--seed S] [--keep]
//
// --seconds  of each target (10)
// --target   one of those that `--list` prints; all of them otherwise
// --seed     the same seed makes the same inputs, as far as the time goes (a new one, which is printed)
// --keep     puts the inputs that reach all that was reached in the place of test/fuzz/corpus/<target>
//
// Exit status 1: there is a find. Its input is left in native/build/fuzz/finds, to become a test of its own.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildFolder, buildNative, nativeTargets, whyNotNative } from './fuzz-native.mjs';

const root = path.resolve(import.meta.dirname, '..');
const { targets } = await import(path.join(root, 'dist/test/fuzz/targets.js'));
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    target: { type: 'string' },
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 0x7ffffffe)) },
    keep: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const all = [
  ...targets.map(({ name }) => ({ name, run: () => runScript(name) })),
  ...nativeTargets.map((target) => ({ name: target.name, run: () => runNative(target) })),
];
const chosen = values.target === undefined ? all : all.filter(({ name }) => name === values.target);

if (values.list) console.log(all.map(({ name }) => name).join('\n'));
else if (chosen.length === 0) fail(`there is no target '${values.target}': ${all.map(({ name }) => name).join(', ')}`);
else if (!(Number(values.seconds) > 0)) fail(`--seconds ${values.seconds}: give a number above 0`);
else for (const { run } of chosen) run();

function runScript(name) {
  const program = path.join(root, 'dist/test/fuzz/run.js');
  const { status } = spawnSync(
    process.execPath,
    [program, name, values.seconds, values.seed, ...(values.keep ? ['keep'] : [])],
    { stdio: 'inherit' },
  );
  if (status !== 0) process.exitCode = 1;
}

function runNative(target) {
  const why = whyNotNative();
  if (why !== undefined) {
    console.log(`${target.name}: skipped: ${why}`);
    return;
  }
  const program = buildNative(target);
  const [kept, finds] = [path.join(root, 'test/fuzz/corpus', target.name), path.join(buildFolder, 'finds')];
  const grown = mkdtempSync(path.join(tmpdir(), 'sallyport-fuzz-'));
  for (const folder of [kept, finds]) mkdirSync(folder, { recursive: true });
  const options = [
    `-max_len=${target.most}`,
    '-timeout=15',
    '-rss_limit_mb=2048',
    `-artifact_prefix=${finds}/${target.name}-`,
  ];
  const { status, stderr } = spawnSync(
    program,
    [
      ...options,
      `-max_total_time=${Math.ceil(Number(values.seconds))}`,
      `-seed=${values.seed}`,
      '-print_final_stats=1',
      grown,
      kept,
    ],
    { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  const executions = /number_of_executed_units: (\d+)/.exec(stderr)?.[1] ?? '?';
  const blocks = [...stderr.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? '?';
  console.log(`${target.name}: ${executions} inputs, ${blocks} blocks, seed ${values.seed}`);
  if (status !== 0) fail(`${target.name}: FIND, in ${finds} (seed ${values.seed})\n${stderr.slice(-6000)}`);
  else if (values.keep) merge(program, kept, grown);
  rmSync(grown, { recursive: true, force: true });
}

/** The fewest of both that reach the same, in the place of what was kept. */
function merge(program, kept, grown) {
  const old = mkdtempSync(path.join(tmpdir(), 'sallyport-fuzz-'));
  spawnSync(program, ['-merge=1', old, kept, grown]);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
  spawnSync('cp', [...readdirSync(old).map((name) => path.join(old, name)), kept]);
  rmSync(old, { recursive: true, force: true });
}

function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
