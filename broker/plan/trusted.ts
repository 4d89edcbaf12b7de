/** What the host will run or trust later, and what therefore no grant makes writable. */
import { type Dirent, existsSync, opendirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { errorCode } from '../../protocols/error-code.js';
import { foldersAbove, isBeneath } from '../paths.js';
import { problemOfWriting } from '../policy/file-statements.js';
import { PlanError } from './errors.js';
import { isAbsent } from './mount-collector.js';

/** Each launch walks a writable folder; more is hardly one that a sandboxee is to write to. */
const MOST_ENTRIES = 50_000;
const ENTRIES_AT_ONCE = 2048;

export interface TrustedInput {
  /** Programs and their scripts: the broker's own, and the sandboxee's, which are trusted until the gate. */
  readonly executables: readonly string[];
  readonly scripts: readonly string[];
  /** Others that stay as they are: sallyport itself, the policy's file. */
  readonly places: readonly string[];
}

export interface Trusted {
  /** Real paths: neither they nor what is in them is ever writable. */
  readonly places: readonly string[];
  /** Real folders of scripts, and of the packages that those are in: what is in them may be granted, but not they themselves. */
  readonly folders: readonly string[];
}

/** Of what there is; what does not exist needs no protection. */
export function trustedPlaces({ executables, scripts, places }: TrustedInput): Trusted {
  const folders = scripts.flatMap(folderOf).flatMap((folder) => [folder, ...packageOf(folder)]);
  const loaded = folders.flatMap((folder) =>
    [folder, ...foldersAbove(folder)].flatMap((each) => [join(each, 'node_modules'), join(each, 'package.json')]),
  );
  const modules = loaded.filter((path) => existsSync(path));
  const files = [...executables, ...scripts.filter(isFile), ...places].flatMap(real);
  return {
    places: [...new Set([...files, ...modules, ...modules.flatMap(real)])],
    folders: [...new Set(folders)],
  };
}

/** Of a script that is named without its extension, or by the folder that holds it, as `node app` does. */
function folderOf(script: string): readonly string[] {
  if (existsSync(script) && !isFile(script)) return real(script);
  const [found] = real(script);
  return found === undefined ? real(dirname(script)) : [dirname(found)];
}

/** What a script imports by a relative path lies mostly in its package. */
function packageOf(folder: string): readonly string[] {
  const found = [folder, ...foldersAbove(folder)].find((each) => existsSync(join(each, 'package.json')));
  return found === undefined || found === '/' ? [] : [found];
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function real(path: string): readonly string[] {
  try {
    return [realpathSync.native(path)];
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/**
 * What has to stay read-only in something that is to be writable.
 *
 * @param path a real path
 * @throws PlanError where it is itself trusted, or cannot be protected
 */
export async function trustedWithin(path: string, isDirectory: boolean, trusted: Trusted): Promise<readonly string[]> {
  const problem = problemOfWriting(path);
  if (problem !== undefined) throw new PlanError(problem);
  const above = trusted.places.find((place) => isBeneath(path, place));
  if (above !== undefined) throw new PlanError(`${path} cannot be writable: the host runs and trusts ${above}`);
  if (!isDirectory) return [];
  const folders = trusted.folders.filter((each) => isBeneath(each, path));
  const outer = folders.filter((each) => !folders.some((other) => other !== each && isBeneath(each, other)));
  for (const folder of outer) refuseProgram(path, folder);
  const inside = [...trusted.places, ...trusted.folders].filter((place) => isBeneath(place, path));
  return [...inside, ...(await findRepositories(path))];
}

/** Where a `node_modules` is missing above a script, one that is made there is what the script loads. */
function refuseProgram(path: string, folder: string): void {
  if (path === folder) {
    throw new PlanError(`${path} cannot be writable: the host runs a script in it; grant a folder of its own`);
  }
  const open = foldersAbove(folder).find((each) => isBeneath(each, path) && !existsSync(join(each, 'node_modules')));
  if (open !== undefined) {
    throw new PlanError(
      `${path} cannot be writable: scripts in ${folder} would load what is put into ${join(open, 'node_modules')}, which does not exist; grant a folder that holds no program`,
    );
  }
}

/**
 * Every `.git` at any depth, in capitals too, since there are file systems that do not tell them apart: git runs the hooks,
 * and the commands of the configuration, that it finds there. What is in the folder may be a sandboxee's, so that no more
 * is ever held of it than the folders that are still to be looked into.
 */
async function findRepositories(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  const folders = [folder];
  let entries = 0;
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    using open = openFolder(at);
    for (let entry = open?.read(); entry; entry = open?.read()) {
      entries += 1;
      if (entries > MOST_ENTRIES) throw new PlanError(tooMany(folder));
      // Others have their turn.
      if (entries % ENTRIES_AT_ONCE === 0) await setImmediate();
      const path = join(at, entry.name);
      if (entry.name.toLowerCase() === '.git') found.push(protectable(path, entry));
      else if (entry.isDirectory()) folders.push(path);
    }
  }
  return found;
}

function tooMany(folder: string): string {
  return `${folder} holds more than ${MOST_ENTRIES} files, too many to look for repositories in, whose hooks must not be writable; grant a narrower folder`;
}

function protectable(path: string, entry: Dirent): string {
  if (!entry.isSymbolicLink()) return path;
  throw new PlanError(`${path} is a symlink, which nothing can protect in a writable folder; grant a narrower folder`);
}

interface OpenFolder extends Disposable {
  read(): Dirent | null;
}

/** `undefined`: whom it is closed to is closed to the sandboxee as well. */
function openFolder(path: string): OpenFolder | undefined {
  try {
    const folder = opendirSync(path, { bufferSize: 1024 });
    return { read: () => folder.readSync(), [Symbol.dispose]: () => folder.closeSync() };
  } catch (error) {
    if (isAbsent(error) || errorCode(error) === 'EACCES') return undefined;
    throw error;
  }
}
