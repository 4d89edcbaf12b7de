import { type BigIntStats, lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '../../protocols/error-code.js';
import { PlanError } from './errors.js';
import { comparePaths, isBeneath, type Mount } from './mounts.js';

/** As many as the kernel follows. */
const MOST_SYMLINKS = 40;

export interface Resolved {
  /** Free of symlinks. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** Every symlink that was followed, at its own real place. */
  readonly links: readonly Link[];
}

interface Link {
  readonly at: string;
  readonly text: string;
  /** Of the very link whose text this is. */
  readonly uid: bigint;
}

/**
 * Gathers what a sandboxee sees. Each file and folder is shown at its real place, and the symlinks on the way to it are
 * made anew, so that the path by which it was asked for works inside too.
 */
export class MountCollector {
  readonly #mounts = new Map<string, Mount>();

  /** Shows a file or a tree. Throws the error of `lstat` where there is none. */
  async add(path: string): Promise<Resolved> {
    const resolved = await resolvePath(path);
    this.addResolved(resolved);
    return resolved;
  }

  addResolved({ path, isDirectory, links }: Resolved): void {
    for (const { at, text } of links) this.put({ kind: 'symlink', source: text, target: at });
    this.put({ kind: isDirectory ? 'directory' : 'file', source: path, target: path });
  }

  /** Does as `add`, where there is something. */
  async addIfPresent(path: string): Promise<Resolved | undefined> {
    const resolved = await resolveIfPresent(path);
    if (resolved !== undefined) this.addResolved(resolved);
    return resolved;
  }

  put(mount: Mount): void {
    // A mask has a key of its own: it lies over a tree that may itself be shown by the same path.
    this.#mounts.set(mount.kind === 'mask' ? `mask:${mount.target}` : mount.target, mount);
  }

  /** Without those that an outer tree shows already, and masks of what nothing shows. Folders before what is in them. */
  mounts(): Mount[] {
    const sorted = [...this.#mounts.values()].sort((a, b) => comparePaths(a.target, b.target));
    const trees = outermost(sorted.filter(({ kind }) => kind === 'directory'));
    const masks = outermost(sorted.filter(({ kind }) => kind === 'mask'));
    return sorted.filter((mount) => {
      if (mount.kind === 'directory') return trees.includes(mount);
      const isInTree = trees.some((tree) => isBeneath(mount.target, tree.target));
      if (mount.kind === 'mask') return isInTree && masks.includes(mount);
      // In a tree a device file could be seen but not used.
      return mount.kind === 'device' || !isInTree;
    });
  }
}

function outermost(sorted: readonly Mount[]): Mount[] {
  const kept: Mount[] = [];
  for (const mount of sorted) {
    const last = kept.at(-1);
    if (last === undefined || !isBeneath(mount.target, last.target)) kept.push(mount);
  }
  return kept;
}

/** Half of what is asked for by a list is not there: an error for each would take longer than all that is. */
export async function resolveIfPresent(path: string): Promise<Resolved | undefined> {
  try {
    const facts = lstatSync(path, { throwIfNoEntry: false });
    return facts && resolveKnown(path, facts);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

export function isAbsent(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** realpath that remembers the symlinks. */
export async function resolvePath(path: string): Promise<Resolved> {
  return resolveKnown(path, lstatSync(path));
}

/**
 * Nearly every path is real already, and each launch resolves dozens: a few microseconds each, where a turn on the thread pool
 * takes ten times as long.
 */
function resolveKnown(path: string, facts: Stats): Resolved {
  if (realpathSync.native(path) === path) return { path, isDirectory: facts.isDirectory(), links: [] };
  return followLinks(path);
}

function followLinks(path: string): Resolved {
  const links: Link[] = [];
  const pending = path.split('/');
  let current = '/';
  let isDirectory = true;
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      current = dirname(current);
      isDirectory = true;
      continue;
    }
    const next = join(current, name);
    const facts = lstatSync(next, { bigint: true });
    if (!facts.isSymbolicLink()) {
      current = next;
      isDirectory = facts.isDirectory();
      continue;
    }
    const link = readLink(next, facts);
    const { text } = link;
    links.push(link);
    if (links.length > MOST_SYMLINKS)
      throw new PlanError(`${path} leads through more than ${MOST_SYMLINKS} symlinks; is it a loop?`);
    pending.unshift(...text.split('/'));
    if (text.startsWith('/')) current = '/';
    isDirectory = true;
  }
  return { path: current, isDirectory, links };
}

/** Whoever may write to the folder can put another link, or something else, there between two looks. */
function readLink(at: string, before: BigIntStats): Link {
  const text = readlinkSync(at);
  const after = lstatSync(at, { bigint: true });
  const isSame = after.dev === before.dev && after.ino === before.ino && after.ctimeNs === before.ctimeNs;
  if (!isSame) throw new PlanError(`${at} was changed while it was looked at`);
  return { at, text, uid: before.uid };
}
