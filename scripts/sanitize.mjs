// Builds the native parts with AddressSanitizer and UndefinedBehaviorSanitizer in a copy of the tree, and runs the tests of
// the addons and of the launcher against them. Exit status: the tests'. Arguments: the test folders to run instead.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const copy = mkdtempSync(path.join(tmpdir(), 'sallyport-sanitize-'));
const folders = process.argv.length > 2 ? process.argv.slice(2) : ['addon', 'launcher'];

function fail(message) {
  rmSync(copy, { recursive: true, force: true });
  console.error(`sanitize: ${message}`);
  process.exit(1);
}

function run(command, commandArguments, env = {}) {
  return spawnSync(command, commandArguments, {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
}

function copyTree() {
  const built = new Set(['node_modules', '.git', 'dist', 'native/build', 'test/native/build', 'bench/native/build']);
  for (const name of readdirSync(root)) {
    if (built.has(name)) continue;
    cpSync(path.join(root, name), path.join(copy, name), {
      recursive: true,
      filter: (source) => !built.has(path.relative(root, source)),
    });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
}

/** The runtime must be in the process before Node's first allocation. */
function addressSanitizer() {
  const { stdout } = run('cc', ['-print-file-name=libasan.so']);
  const library = (stdout ?? '').trim();
  if (!path.isAbsolute(library) || !existsSync(library)) fail('the compiler has no libasan.so (GCC brings it)');
  return library;
}

copyTree();
const started = Date.now();
const build = run(process.execPath, ['scripts/build-native.mjs', '--sanitize']);
if (build.status !== 0) fail(`the build failed\n${build.stdout}${build.stderr}`);
// Types are checked elsewhere; what is emitted is what is tested.
run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);

const tests = run(
  process.execPath,
  [
    'node_modules/mocha/bin/mocha.js',
    '--no-config',
    '--timeout=120000',
    '--reporter=dot',
    ...folders.map((folder) => `dist/test/${folder}/**/*.test.js`),
  ],
  {
    LD_PRELOAD: addressSanitizer(),
    // V8 leaks by design at exit.
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:exitcode=99',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  },
);
const output = `${tests.stdout}${tests.stderr}`;
const complaint = /(ERROR: AddressSanitizer|runtime error:)/.test(output);
if (tests.status !== 0 || complaint) fail(`the tests failed with status ${tests.status ?? tests.signal}\n${output}`);
rmSync(copy, { recursive: true, force: true });
const passing = output.match(/(\d+) passing/)?.[1] ?? '0';
console.log(`sanitize: ${passing} tests pass in ${((Date.now() - started) / 1000).toFixed(0)} s`);
