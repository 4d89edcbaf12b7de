import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';

export interface Loaded<Exports> {
  readonly exports: Exports;
  readonly script: Script;
}

/**
 * Runs a bundle: a script whose value is `(require, importMeta) => exports`. V8 takes what it compiled before from the
 * file of `codeCachePath()`, where there is one.
 */
export function loadBundle<Exports>(path: string): Loaded<Exports> {
  const script = new Script(readFileSync(path, 'latin1'), { filename: path, cachedData: readCodeCache(path) });
  const exports: Exports = script.runInThisContext()(createRequire(path), { url: `file://${path}` });
  return { exports, script };
}

/**
 * Machine code of V8's own, which takes what it finds there for its own: written by another Node it is another program, or
 * a crash, and V8 itself looks at its own version and flags alone (seen: the cache of Node 20.20 crashes 20.19). So it is
 * named after the bundle, whose name changes with its contents, and after the very binary that wrote it. It lies beside the
 * bundle, so that who could write it could as well write the bundle.
 */
export function codeCachePath(bundle: string): string {
  const { size, mtimeMs } = statSync(process.execPath);
  return `${bundle}.${process.version}-${process.arch}-${size}-${mtimeMs}.cache`;
}

function readCodeCache(bundle: string): Buffer | undefined {
  try {
    return readFileSync(codeCachePath(bundle));
  } catch {
    return undefined;
  }
}
