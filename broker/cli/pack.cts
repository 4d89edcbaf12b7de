import fs = require('node:fs');
import path = require('node:path');
import url = require('node:url');
import vm = require('node:vm');

interface Pack {
  readonly entry: typeof import('./run.js', { with: { 'resolution-mode': 'import' }});
  readonly script: import('node:vm').Script;
}

/**
 * What scripts/pack-run.mjs made of `run.js` and all that it imports. Undefined where there is none, or one that is older: tsc
 * writes `run.js` anew with all the others.
 */
function loadPack(): Pack | undefined {
  const filename = path.join(__dirname, 'run.pack.js');
  if (!(writtenAt(filename) >= writtenAt(path.join(__dirname, 'run.js')))) return undefined;
  const script = new vm.Script(fs.readFileSync(filename, 'latin1'), {
    filename,
    cachedData: cacheOf(cachePath()),
  });
  return { entry: script.runInThisContext()(require, url.pathToFileURL(__filename).href), script };
}

/** NaN: it is not there. */
function writtenAt(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN;
}

function cacheOf(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

/**
 * For this binary of Node alone: V8 takes a cache of its own version for good, and Node 20.19 crashed on one of Node 20.20.
 */
function cachePath(): string {
  const { size, mtimeMs } = fs.statSync(process.execPath);
  return path.join(__dirname, `run.pack.${process.version}-${process.arch}-${size}-${Math.floor(mtimeMs)}.cache`);
}

export = { loadPack, cachePath };
