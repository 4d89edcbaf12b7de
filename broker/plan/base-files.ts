/** The tier base: which files of the host a sandboxee may use, at their own places, since nothing can be mounted. */
import { type Dirent, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '../../protocols/error-code.js';
import { PlanError } from './errors.js';
import { isBeneath, type Mount } from './mounts.js';
import { PLAN_LIMITS } from './ops.js';
import type { Reader } from './visible.js';

export interface BaseFile {
  /** `sink`: a device that may be written. Of a directory also all that is in it. */
  readonly kind: 'directory' | 'file' | 'device' | 'sink';
  readonly path: string;
  readonly writable: boolean;
}

/**
 * Symlinks need nothing: those of the host are followed. A folder with something in it that must not be seen is granted
 * piece by piece, without the piece; what is made in it later is not granted, and it cannot be listed.
 *
 * @param reader the ids of the sandboxee, where they are not the broker's
 * @throws PlanError where a place cannot be reached, or is too much for a plan
 */
export function baseFiles(mounts: readonly Mount[], reader: Reader | undefined): BaseFile[] {
  const masks = mounts.filter(({ kind }) => kind === 'mask').map(({ target }) => target);
  const files = mounts.flatMap((mount) => filesOf(mount, mounts, masks));
  if (files.length > PLAN_LIMITS.items) {
    throw new PlanError(
      `${files.length} rules of Landlock, where ${PLAN_LIMITS.items} are the most: \`.env*\` and \`.git\` lie in folders of very many files; move the program to a folder without them`,
    );
  }
  if (reader !== undefined) requireReachable(files, reader);
  return files;
}

function filesOf(mount: Mount, mounts: readonly Mount[], masks: readonly string[]): BaseFile[] {
  const { source, target } = mount;
  switch (mount.kind) {
    case 'directory':
      requireOwnPlace(source, target);
      return withoutMasked(target, masks);
    case 'file':
      requireOwnPlace(source, target);
      return [{ kind: 'file', path: source, writable: false }];
    case 'granted-file':
      requireOwnPlace(source, target);
      return [{ kind: 'file', path: source, writable: mount.access === 'write' }];
    case 'granted-directory':
      requireOwnPlace(source, target);
      if (mount.access === 'read') return withoutMasked(target, masks);
      requireNothingKept(target, mounts);
      return [{ kind: 'directory', path: source, writable: true }];
    case 'device':
      return [{ kind: source === '/dev/null' ? 'sink' : 'device', path: source, writable: false }];
    case 'symlink':
    case 'text':
    case 'mask':
      return [];
  }
}

function requireOwnPlace(source: string, target: string): void {
  if (source === target) return;
  throw new PlanError(
    `${source} cannot be shown as ${target} without a mount: the tier base grants files at their own places only`,
  );
}

/** What lies in a folder that may be written can only be kept from it by a mount on top. */
function requireNothingKept(folder: string, mounts: readonly Mount[]): void {
  const kept = mounts.find((mount) => {
    const isKept = mount.kind === 'mask' || ('access' in mount && mount.access === 'read');
    return isKept && mount.target !== folder && isBeneath(mount.target, folder);
  });
  if (kept === undefined) return;
  throw new PlanError(
    `${folder} cannot be writable without mounts: ${kept.target} in it, which the host runs or trusts or which must not be seen, could not be kept read-only; grant folders beside it`,
  );
}

function withoutMasked(folder: string, masks: readonly string[]): BaseFile[] {
  if (masks.includes(folder)) return [];
  if (!masks.some((mask) => isBeneath(mask, folder))) return [{ kind: 'directory', path: folder, writable: false }];
  return entriesOf(folder).flatMap((entry): BaseFile[] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return withoutMasked(path, masks);
    if (!entry.isFile() || masks.includes(path)) return [];
    return [{ kind: 'file', path, writable: false }];
  });
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === 'EACCES') return [];
    throw error;
  }
}

/** Each folder on the way must be searchable; in a mount namespace they are made anew. By owner, group and mode alone. */
function requireReachable(files: readonly BaseFile[], { uid, gid }: Reader): void {
  const folders = new Set(files.flatMap(({ path }) => ancestors(path)));
  for (const folder of folders) {
    const facts = statSync(folder);
    const shift = facts.uid === uid ? 6 : facts.gid === gid ? 3 : 0;
    if (((facts.mode >> shift) & 1) === 1) continue;
    const mode = (facts.mode & 0o7777).toString(8).padStart(4, '0');
    throw new PlanError(
      `${folder} has mode ${mode} and cannot be entered by uid ${uid}, under which the sandboxee runs without a root of its own: chmod o+x it, or move what is in it`,
    );
  }
}

function ancestors(path: string): string[] {
  const found: string[] = [];
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) found.push(folder);
  return found;
}
