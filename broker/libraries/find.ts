/** The libraries that a binary links, found as its loader would, in the standard directories and those that the caller names. */
import { fstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fd } from '../../protocols/fd.js';
import { isBeneath } from '../paths.js';
import { PlanError } from '../plan/errors.js';
import { type Resolved, resolveIfPresent } from '../plan/mount-collector.js';
import { ElfReader, type Launch, type Needs } from './reader.js';

/** Where loaders look that are told nothing, glibc's and musl's, on either architecture. */
const STANDARD_FOLDERS = [
  ...['/lib', '/usr/lib'].flatMap((folder) => [
    `${folder}/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
    `${folder}64`,
    folder,
  ]),
  '/usr/local/lib',
];
const LOADER_CACHE = '/etc/ld.so.cache';
const MOST_LIBRARIES = 512;
const MOST_CACHED = 1024;

export interface FoundLibrary {
  /** By the name that the loader looks for. */
  readonly path: string;
  readonly resolved: Resolved;
}

export interface FindOptions {
  readonly libraryPath?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** By device, inode, size and times: a file that changes has another. */
const cache = new Map<string, Needs>();

/**
 * @param binary a path, or an open file, of which no `$ORIGIN` is known
 * @throws PlanError where the binary is none, or a library is missing
 */
export async function findLibraries(
  binary: string | Fd,
  { libraryPath = [], signal }: FindOptions,
  launch: Launch,
): Promise<readonly FoundLibrary[]> {
  const makeReader = (): ElfReader => new ElfReader(launch, signal);
  await using ofHost = makeReader();
  const name = typeof binary === 'string' ? binary : `fd ${binary.number}`;
  const folders = [...libraryPath.map((folder) => withoutOrigin(folder, binary)), ...STANDARD_FOLDERS];
  const search = new Search({
    ofHost,
    makeReader,
    allowed: await realFolders(folders),
    standard: await realFolders(STANDARD_FOLDERS),
  });
  const { interpreter, needed } = await search.needsOf(openBinary(binary), name);
  if (interpreter !== undefined) await search.addLoader(interpreter, name);
  for (const library of needed) await search.addNeeded(library, folders, name);
  return search.found;
}

function withoutOrigin(folder: string, binary: string | Fd): string {
  if (!folder.startsWith('$ORIGIN')) return folder;
  if (typeof binary === 'string') return join(dirname(binary), folder.slice('$ORIGIN'.length));
  throw new PlanError('an open file has no $ORIGIN; name the folder itself');
}

function openBinary(binary: string | Fd): Fd {
  if (typeof binary !== 'string') return binary.dup();
  try {
    return Fd.open(binary);
  } catch (error) {
    throw new PlanError(`${binary} cannot be opened: ${error instanceof Error ? error.message : ''}`, { cause: error });
  }
}

async function realFolders(folders: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(folders.map(resolveIfPresent));
  return found.flatMap((folder) => (folder?.isDirectory ? [folder.path] : []));
}

interface Scope {
  /** For the host's own libraries, one after the other. */
  readonly ofHost: ElfReader;
  readonly makeReader: () => ElfReader;
  /** Real folders. What is found lies beneath one of them, wherever a symlink leads. */
  readonly allowed: readonly string[];
  /** Those of them that are the host's own. */
  readonly standard: readonly string[];
}

class Search {
  readonly found: FoundLibrary[] = [];
  readonly #scope: Scope;
  readonly #names = new Set<string>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /**
   * A file that is not the host's own has a sandboxee to itself: what it takes over answers for no other file, and answers
   * are kept.
   *
   * @param fd moved
   */
  async needsOf(fd: Fd, path: string, isOfHost = false): Promise<Needs> {
    using owned = fd;
    const key = fingerprint(owned.number);
    const known = cache.get(key);
    if (known !== undefined) return known;
    const needs = isOfHost ? await this.#scope.ofHost.read(owned, path) : await this.#readAlone(owned, path);
    if (cache.size >= MOST_CACHED) cache.clear();
    cache.set(key, needs);
    return needs;
  }

  async #readAlone(fd: Fd, path: string): Promise<Needs> {
    await using reader = this.#scope.makeReader();
    return await reader.read(fd, path);
  }

  async addLoader(path: string, by: string): Promise<void> {
    const resolved = await this.#resolve(path);
    if (resolved === undefined) {
      throw new PlanError(`${by} asks for the loader ${path}, which is in none of the standard directories`);
    }
    this.found.push({ path, resolved });
    const cacheFile = await resolveIfPresent(LOADER_CACHE);
    if (cacheFile !== undefined) this.found.push({ path: LOADER_CACHE, resolved: cacheFile });
  }

  /** The library, and those that it needs in its turn. */
  async addNeeded(name: string, folders: readonly string[], by: string): Promise<void> {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    if (this.#names.size > MOST_LIBRARIES) throw new PlanError(`${by} links more than ${MOST_LIBRARIES} libraries`);
    for (const folder of folders) {
      const path = join(folder, name);
      const resolved = await this.#resolve(path);
      if (resolved === undefined) continue;
      this.found.push({ path, resolved });
      const isOfHost = this.#scope.standard.some((each) => isBeneath(resolved.path, each));
      const { needed } = await this.needsOf(openBinary(resolved.path), path, isOfHost);
      for (const next of needed) await this.addNeeded(next, folders, path);
      return;
    }
    throw new PlanError(`${by} links ${name}, which is in none of the standard directories; libraryPath names others`);
  }

  async #resolve(path: string): Promise<Resolved | undefined> {
    const resolved = await resolveIfPresent(path);
    if (resolved === undefined || resolved.isDirectory) return undefined;
    return this.#scope.allowed.some((folder) => isBeneath(resolved.path, folder)) ? resolved : undefined;
  }
}

function fingerprint(fd: number): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(fd, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}
