// Builds the two addons and the launcher against the headers that are installed with Node: downloads nothing.
// Arguments are handed to gyp (`-Dsanitize=1`). Does nothing where all outputs are newer than all that they are made of.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const native = path.join(root, 'native');
const release = path.join(native, 'build', 'Release');
const outputs = ['broker.node', 'sandboxee.node', 'launcher'].map((name) => path.join(release, name));

function fail(message) {
  console.error(`native: ${message}`);
  process.exit(1);
}

function findHeaders() {
  const prefix = path.resolve(process.execPath, '../..');
  if (existsSync(path.join(prefix, 'include', 'node', 'node_api.h'))) return prefix;
  fail(
    `the headers of Node ${process.version} are not at ${prefix}/include/node. They come with the archives of nodejs.org ` +
      'and with the package "nodejs" of NodeSource; a distribution has them in "libnode-dev" or "nodejs-devel" (Debian, ' +
      'Ubuntu, Fedora), "nodejs-dev" (Alpine).',
  );
}

/** Every file that an output depends on, but for the headers of the system. */
function inputs() {
  const sources = readdirSync(native, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(c|cc|h|gyp|gypi)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !file.startsWith(path.join(native, 'build') + path.sep));
  return [...sources, fileURLToPath(import.meta.url)];
}

function isCurrent() {
  if (!outputs.every((file) => existsSync(file))) return false;
  const oldestOutput = Math.min(...outputs.map((file) => statSync(file).mtimeMs));
  return inputs().every((file) => statSync(file).mtimeMs <= oldestOutput);
}

const gypArguments = process.argv.slice(2);
if (gypArguments.length === 0 && isCurrent()) {
  console.log('native: up to date');
  process.exit(0);
}

const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
const nodedir = findHeaders();

function runGyp(command) {
  return spawnSync(
    process.execPath,
    [nodeGyp, command, '--directory', native, `--nodedir=${nodedir}`, '--jobs=max', '--', ...gypArguments],
    {
      cwd: root,
      encoding: 'utf8',
      // A user's npm configuration could name other headers, or none.
      env: { ...process.env, npm_config_userconfig: '/dev/null', npm_config_nodedir: undefined },
      maxBuffer: 64 * 1024 * 1024,
    },
  );
}

const started = Date.now();
const incremental = gypArguments.length === 0 && existsSync(path.join(native, 'build', 'Makefile'));
let build = runGyp(incremental ? 'build' : 'rebuild');
// What an earlier build left may be of another place or another Node.
if (incremental && build.status !== 0) build = runGyp('rebuild');
if (build.status !== 0) {
  fail(
    `the build failed${build.error ? `: ${build.error.message}` : ''}. It needs make, Python 3 and a C and C++17 compiler.\n` +
      `${build.stdout ?? ''}${build.stderr ?? ''}`,
  );
}
const missing = outputs.filter((file) => !existsSync(file));
if (missing.length > 0) fail(`the build left out ${missing.join(', ')}`);
// make leaves an output alone where an input was only touched.
const now = new Date();
for (const file of outputs) utimesSync(file, now, now);
console.log(
  `native: built broker.node, sandboxee.node and launcher in ${((Date.now() - started) / 1000).toFixed(1)} s`,
);
