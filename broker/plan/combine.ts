/** Puts what a policy grants together with what the program itself must see. */
import { lstatSync } from 'node:fs';
import { foldersAbove, moved } from '../paths.js';
import { PlanError } from './errors.js';
import type { GrantedFiles } from './granted.js';
import { isAbsent } from './mount-collector.js';
import { comparePaths, type GrantedMount, isBeneath, type Mount } from './mounts.js';

type Folder = Extract<Mount, { readonly kind: 'directory' }> | GrantedMount;

/**
 * One list in which each place says one thing. A folder between something writable and something in it that is not becomes
 * a mount of its own: a mount cannot be renamed, and what lies in a folder that can be is replaced by renaming that.
 *
 * @throws PlanError where the two say different things of one place
 */
export function combineMounts(base: readonly Mount[], granted: GrantedFiles): Omit<GrantedFiles, 'protections'> {
  if (granted.mounts.length === 0 && granted.tmpfs.length === 0) return { mounts: base, tmpfs: [] };
  const placed = new Map<string, Mount>();
  for (const mount of [...base, ...granted.mounts, ...granted.protections]) {
    if (mount.kind !== 'mask') placed.set(mount.target, joined(placed.get(mount.target), mount));
  }
  for (const { target } of granted.tmpfs) {
    if (placed.has(target)) throw new PlanError(`addTmpfs('${target}', …): the program needs what is there`);
  }
  const memory = new Set(granted.tmpfs.map(({ target }) => target));
  const needed = [...placed.values()].filter((mount) => isNeeded(mount, folderAround(mount.target, placed, memory)));
  const kept = new Map(needed.map((mount) => [mount.target, mount]));
  for (const target of [...memory]) requirePlace(target, true, folderAround(target, kept, memory));
  const explicit = new Set(granted.mounts.filter(({ kind }) => kind !== 'mask').map(({ target }) => target));
  const hiding = [
    ...base.filter((mount) => mount.kind === 'mask' && isShown(mount, folderAround(mount.target, kept, memory))),
    ...granted.mounts.filter(({ kind }) => kind === 'mask'),
  ].filter(({ target }) => !explicit.has(target));
  const pins = [...needed, ...hiding, ...granted.tmpfs].flatMap(({ target }) => pinsOf(target, kept, memory));
  const all = new Map([...pins, ...needed].map((mount) => [mount.target, mount]));
  return {
    mounts: [...[...all.values()].sort((a, b) => comparePaths(a.target, b.target)), ...hiding],
    tmpfs: granted.tmpfs,
  };
}

/** Two that are to be seen at one place. */
function joined(first: Mount | undefined, second: Mount): Mount {
  if (first === undefined) return second;
  if (first.source !== second.source || isFolder(first) !== isFolder(second)) {
    throw new PlanError(`${second.target} is to show both ${first.source} and ${second.source}`);
  }
  if (accessOf(second) === 'read') return first;
  if ('access' in first) return second;
  throw new PlanError(`${second.target} cannot be writable: it is shown read-only as a part of the program`);
}

function isFolder(mount: Mount): mount is Folder {
  return mount.kind === 'directory' || mount.kind === 'granted-directory';
}

/** The innermost folder of the host that a place is strictly in; undefined where memory is nearer. */
function folderAround(
  target: string,
  placed: ReadonlyMap<string, Mount>,
  memory: ReadonlySet<string>,
): Folder | undefined {
  for (const folder of foldersAbove(target)) {
    if (memory.has(folder)) return undefined;
    const mount = placed.get(folder);
    if (mount?.kind === 'symlink')
      throw new PlanError(`${target} leads through the symlink ${folder}; name its real place`);
    if (mount !== undefined && isFolder(mount)) return mount;
  }
  return undefined;
}

function isNeeded(mount: Mount, around: Folder | undefined): boolean {
  if (around === undefined) return true;
  const shown = moved(mount.target, around.target, around.source);
  if (mount.kind === 'symlink') {
    if (shown === mount.target) return false;
    throw new PlanError(`${around.target} shows ${around.source}, where the symlink ${mount.target} cannot be made`);
  }
  const isSame = shown === mount.source && accessOf(mount) === 'read' && accessOf(around) === 'read';
  // In a folder a device could be seen but not used.
  if (isSame && mount.kind !== 'device') return false;
  requirePlace(mount.target, isFolder(mount), around);
  return true;
}

/** What is to be hidden of the program may no longer be seen, since the policy puts something else there. */
function isShown({ target, source }: Mount, around: Folder | undefined): boolean {
  return around !== undefined && moved(target, around.target, around.source) === source;
}

function accessOf(mount: Mount): 'read' | 'write' {
  return 'access' in mount ? mount.access : 'read';
}

/** In what is shown of the host nothing is made, so that there must be something to mount on. */
function requirePlace(target: string, directory: boolean, around: Folder | undefined): void {
  if (around === undefined) return;
  const path = moved(target, around.target, around.source);
  try {
    if (lstatSync(path).isDirectory() === directory) return;
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  const kind = directory ? 'directory' : 'file';
  throw new PlanError(
    `${target} lies in ${around.target}, and there has to be a ${kind} ${path} on the host to put it on`,
  );
}

/** The folders strictly between a writable one and what is in it. */
function pinsOf(target: string, placed: ReadonlyMap<string, Mount>, memory: ReadonlySet<string>): GrantedMount[] {
  const around = folderAround(target, placed, memory);
  if (around === undefined || !('access' in around) || around.access === 'read') return [];
  return foldersAbove(target)
    .filter((folder) => folder !== around.target && isBeneath(folder, around.target))
    .map((folder) => pin(folder, around));
}

function pin(target: string, around: GrantedMount): GrantedMount {
  const source = moved(target, around.target, around.source);
  const { dev, ino } = lstatSync(source, { bigint: true });
  return { kind: 'granted-directory', source, target, access: 'write', identity: { device: dev, inode: ino } };
}
