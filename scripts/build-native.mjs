// Builds the two addons and the launcher with the system's compilers, against the headers that are installed with Node:
// needs nothing else, and downloads nothing. Compiles what is older than what it is made of. `--sanitize`: see sanitize.mjs.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { targets, toolchain } from './native-targets.mjs';

const root = path.resolve(import.meta.dirname, '..');
const native = path.join(root, 'native');
const release = path.join(native, 'build', 'Release');
const recipes = ['build-native.mjs', 'native-targets.mjs'].map((name) => path.join(import.meta.dirname, name));
const sanitize = process.argv.includes('--sanitize');
const run = promisify(execFile);

const started = Date.now();
try {
  const built = await build();
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(built.length === 0 ? 'native: up to date' : `native: built ${built.join(', ')} in ${seconds} s`);
} catch (error) {
  console.error(`native: ${error.message}`);
  process.exitCode = 1;
}

async function build() {
  const includes = [nodeHeaders(), addonHeaders(), path.join(native, 'include')].map((folder) => `-I${folder}`);
  const objects = [...new Map(targets.flatMap(objectsOf).map((object) => [object.file, object])).values()];
  const stale = objects.filter((object) => !isCurrent(object.file, dependenciesOf(object)));
  await inParallel(stale, ({ file, source, tools }) => {
    mkdirSync(path.dirname(file), { recursive: true });
    return compile(tools.compiler, [...tools.compile, ...includes, '-MMD', '-c', source, '-o', file]);
  });
  const outdated = targets.filter((target) => !isCurrent(outputOf(target), [...recipes, ...filesOf(target)]));
  await inParallel(outdated, async (target) => {
    const { compiler, link } = toolchain(target, sanitize);
    // Put in place whole: a process that runs the old one keeps it.
    const fresh = `${outputOf(target)}.new`;
    await compile(compiler, [...filesOf(target), ...link, '-o', fresh]);
    renameSync(fresh, outputOf(target));
  });
  return outdated.map(({ output }) => output);
}

function objectsOf(target) {
  const tools = toolchain(target, sanitize);
  return target.sources.map((name) => ({
    source: path.join(native, target.folder, name),
    file: path.join(native, 'build', 'objects', target.folder, `${name}.o`),
    tools,
  }));
}

function filesOf(target) {
  return objectsOf(target).map(({ file }) => file);
}

function outputOf({ output }) {
  return path.join(release, output);
}

/** The source, and the headers that the compiler wrote down the last time. */
function dependenciesOf({ source, file }) {
  const list = file.replace(/\.o$/, '.d');
  if (!existsSync(list)) return [source, path.join(native, 'missing')];
  const headers = readFileSync(list, 'utf8').replaceAll('\\\n', ' ').split(/\s+/).slice(1).filter(Boolean);
  return [...recipes, ...headers];
}

function isCurrent(output, inputs) {
  if (!existsSync(output)) return false;
  const { mtimeMs } = statSync(output);
  return inputs.every((input) => existsSync(input) && statSync(input).mtimeMs <= mtimeMs);
}

async function compile(compiler, options) {
  mkdirSync(release, { recursive: true });
  try {
    await run(compiler, options, { cwd: native, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    if (error.code === 'ENOENT')
      throw new Error(`there is no ${compiler}: install a C and C++17 compiler (Debian: build-essential)`);
    throw new Error(`${compiler} failed on ${options.at(-1)}\n${error.stderr}`);
  }
}

async function inParallel(items, work) {
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
}

function addonHeaders() {
  return JSON.parse(createRequire(import.meta.url)('node-addon-api').include);
}

function nodeHeaders() {
  const folder = path.resolve(process.execPath, '../../include/node');
  if (existsSync(path.join(folder, 'node_api.h'))) return folder;
  throw new Error(
    `the headers of Node ${process.version} are not in ${folder}. They come with the archives of nodejs.org and with the ` +
      'package "nodejs" of NodeSource; a distribution has them in "libnode-dev" or "nodejs-devel" (Debian, Ubuntu, ' +
      'Fedora), "nodejs-dev" (Alpine).',
  );
}
