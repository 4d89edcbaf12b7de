import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { elfInterpreter } from './elf.js';
import { PlanError } from './errors.js';
import { isAbsent, type Resolved, resolveIfPresent, resolvePath } from './mount-collector.js';

const LOADER_CACHE = '/etc/ld.so.cache';
const LOADER_TIMEOUT = 10_000;
const MOST_CACHED = 64;

/** Beside the C library lie those that native addons link, whether or not Node itself does. */
const FAMILY = [
  'libm.so.6',
  'libdl.so.2',
  'libpthread.so.0',
  'librt.so.1',
  'libresolv.so.2',
  'libutil.so.1',
  'libstdc++.so.6',
  'libgcc_s.so.1',
];
const C_LIBRARY = /\/(libc\.so\.6|libc\.musl-[^/]*\.so\.1)$/;

const cache = new Map<string, Promise<readonly Resolved[]>>();

/**
 * What an executable needs to start: itself, its loader, the libraries that it links, and the loader's cache. The trusted
 * loader itself says which; the answer is kept until the executable or the loader's cache changes.
 */
export async function executableFiles(path: string): Promise<readonly Resolved[]> {
  const key = `${path} ${await fingerprint(path)} ${await fingerprint(LOADER_CACHE)}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const found = findFiles(path);
  if (cache.size >= MOST_CACHED) cache.clear();
  cache.set(key, found);
  found.catch(() => cache.delete(key));
  return found;
}

async function fingerprint(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch (error) {
    if (isAbsent(error)) return 'absent';
    throw error;
  }
}

async function findFiles(path: string): Promise<readonly Resolved[]> {
  const interpreter = await elfInterpreter(path);
  if (interpreter === undefined) return [await resolvePath(path)];
  const libraries = await listLibraries(interpreter, path);
  const cLibrary = libraries.find((library) => C_LIBRARY.test(library));
  const family = cLibrary === undefined ? [] : FAMILY.map((name) => join(dirname(cLibrary), name));
  const needed = await Promise.all([path, interpreter, ...libraries].map(resolvePath));
  const optional = await Promise.all([...family, LOADER_CACHE].map(resolveIfPresent));
  return [...needed, ...optional.filter((file) => file !== undefined)];
}

/** Lines are `name => /path (0x…)` or `/path (0x…)`; the vdso has no path. */
async function listLibraries(interpreter: string, path: string): Promise<string[]> {
  const { execFile } = await import('node:child_process');
  let text: string;
  try {
    ({ stdout: text } = await promisify(execFile)(interpreter, ['--list', path], { env: {}, timeout: LOADER_TIMEOUT }));
  } catch (error) {
    throw new PlanError(`the loader ${interpreter} cannot say which libraries ${path} links`, { cause: error });
  }
  const missing = /^\s*(\S+) => not found$/m.exec(text);
  if (missing !== null) throw new PlanError(`${path} links ${missing[1]}, which is not installed`);
  return [...text.matchAll(/^(?:.* => |\s+)(\/.+) \(0x[0-9a-f]+\)$/gm)].flatMap(([, library]) => library ?? []);
}
