// The native targets of the fuzzer, and how each is built: with clang, libFuzzer, AddressSanitizer and UBSan, into
// native/build/fuzz. None of it is shipped.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
export const buildFolder = path.join(root, 'native', 'build', 'fuzz');

/** A line for each: the harness is test/fuzz/native/<harness>, and `sources` are what it feeds. `most`: bytes of an input. */
export const nativeTargets = [
  { name: 'plan', harness: 'plan.c', sources: ['launcher/plan.c'], most: 4096 },
  { name: 'comms-client', harness: 'comms-client.c', sources: [], most: 1024 },
  { name: 'filter-program', harness: 'filter-program.cc', sources: ['addon/filter_program.cc'], most: 2048 },
  {
    name: 'ring',
    // GCC leaves inline wrappers of Node's functions in the objects, for which there is nothing to link.
    needsClang: true,
    harness: 'ring.cc',
    sources: [
      'addon/chunk_queue.cc',
      'addon/receive.cc',
      'addon/release_inline.cc',
      'addon/ring.cc',
      'addon/ring_link.cc',
      'addon/ring_memory.cc',
      'addon/ring_records.cc',
      'addon/send_queue.cc',
    ],
    most: 4096,
  },
];

/** Of the launcher and the client, and of the addons. */
const INCLUDES = [
  'native',
  'native/include',
  path.resolve(process.execPath, '../../include/node'),
  JSON.parse(createRequire(import.meta.url)('node-addon-api').include),
].map((folder) => `-I${folder}`);
const FLAGS = ['-g', '-O1', '-Wall', '-Wextra', '-fno-omit-frame-pointer', '-fno-sanitize-recover=all'];

/** Undefined, or why native targets cannot be built here. */
export function whyNotNative() {
  const { error, status } = spawnSync('clang++', ['--version']);
  if (error === undefined && status === 0) return undefined;
  return 'there is no clang++, whose libFuzzer runs them (Debian: apt-get install clang)';
}

/** The path of its program, which libFuzzer drives. Throws where it does not compile. */
export function buildNative(target) {
  return build(target.name, target, { c: 'clang', cpp: 'clang++', sanitizers: 'fuzzer,address,undefined', more: [] });
}

/** The same, driven by the files that it is given, and built with the compiler that builds the rest. */
export function buildReplay(target) {
  const more = [path.join(root, 'test', 'fuzz', 'native', 'replay.c')];
  return build(`${target.name}-replay`, target, { c: 'cc', cpp: 'c++', sanitizers: 'address,undefined', more });
}

function build(name, { harness, sources }, { c, cpp, sanitizers, more }) {
  mkdirSync(buildFolder, { recursive: true });
  const program = path.join(buildFolder, name);
  if (isCurrent(program)) return program;
  const isCpp = harness.endsWith('.cc');
  const files = [path.join('test/fuzz/native', harness), ...sources.map((source) => path.join('native', source))];
  const objects = [...files, ...more].map((file, index) => {
    const object = path.join(buildFolder, `${name}.${index}.o`);
    const [compiler, standard] = file.endsWith('.cc') ? [cpp, 'gnu++17'] : [c, 'gnu11'];
    run(compiler, [...FLAGS, `-std=${standard}`, `-fsanitize=${sanitizers}`, ...INCLUDES, '-c', file, '-o', object]);
    return object;
  });
  run(isCpp ? cpp : c, [`-fsanitize=${sanitizers}`, ...objects, '-o', program]);
  return program;
}

function run(compiler, options) {
  const { error, status, stderr } = spawnSync(compiler, options, { cwd: root, encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${compiler} ${options.join(' ')}\n${stderr}`);
}

/** Newer than all that any of them could be made of. */
function isCurrent(program) {
  if (!existsSync(program)) return false;
  const built = statSync(program).mtimeMs;
  const folders = ['native/launcher', 'native/addon', 'native/include/sallyport', 'test/fuzz/native', 'scripts'];
  return folders
    .map((folder) => path.join(root, folder))
    .flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)))
    .every((file) => statSync(file).mtimeMs <= built);
}
