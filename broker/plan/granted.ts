/** What a policy grants of the host's files, as mounts. It knows nothing of the program. */
import { constants } from 'node:fs';
import { access, lstat } from 'node:fs/promises';
import { errorCode } from '../../protocols/error-code.js';
import { isBeneath, moved } from '../paths.js';
import { problemOfOutside } from '../policy/file-statements.js';
import { contentAt, type FileGrant, type FilesystemPolicy, type LibrariesGrant } from '../policy/filesystem.js';
import { inodesFor } from './build.js';
import { PlanError } from './errors.js';
import { isAbsent, type Resolved, resolveIfPresent } from './mount-collector.js';
import type { GrantedMount, Mount, TmpfsMount } from './mounts.js';
import { type Trusted, trustedWithin } from './trusted.js';

/** What each process may use; with others a driver would be reached. */
const HARMLESS_DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];

export interface GrantContext {
  /** Asked only where something is writable. */
  readonly trusted: () => Trusted;
  /** The files that a binary needs to start, at their real places. */
  librariesOf(grant: Pick<LibrariesGrant, 'path' | 'libraryPath'>): Promise<readonly Resolved[]>;
}

export interface GrantedFiles {
  readonly mounts: readonly Mount[];
  /** What stays read-only in something that is writable. */
  readonly protections: readonly GrantedMount[];
  readonly tmpfs: readonly TmpfsMount[];
}

/**
 * Finds what is granted and judges what it really is. A file at its own place is shown at its real one, and the symlinks
 * on the way are made anew; one at another place is shown there.
 *
 * @throws PlanError that names the call and the path
 */
export async function policyMounts(filesystem: FilesystemPolicy, context: GrantContext): Promise<GrantedFiles> {
  const [granted, libraries, masks] = await Promise.all([
    Promise.all(filesystem.grants.map((grant) => blaming(grant.call, () => grantedMounts(grant, context.trusted)))),
    Promise.all(
      filesystem.libraries.map((grant) => blaming(grant.call, () => libraryMounts(grant, filesystem, context))),
    ),
    Promise.all(filesystem.hidden.map((inside) => maskOf(inside, filesystem))),
  ]);
  return {
    mounts: [...granted.flatMap(({ mounts }) => mounts), ...libraries.flat(), ...masks.flat()],
    protections: granted.flatMap(({ protections }) => protections),
    tmpfs: filesystem.tmpfs.map(({ inside, size }) => ({ target: inside, size, inodes: inodesFor(size) })),
  };
}

type OneGrant = Omit<GrantedFiles, 'tmpfs'>;

async function blaming<T>(call: string, find: () => Promise<T>): Promise<T> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof PlanError) throw new PlanError(`${call}: ${error.message}`, { cause: error });
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new PlanError(`${call}: the broker cannot look at it (${code})`, { cause: error });
  }
}

async function grantedMounts(grant: FileGrant, trusted: GrantContext['trusted']): Promise<OneGrant> {
  const resolved = await resolveGrant(grant);
  if (resolved === undefined) return { mounts: [], protections: [] };
  const { path, isDirectory, links } = resolved;
  const facts = await lstat(path, { bigint: true });
  const isOwnPlace = grant.outside === grant.inside;
  const target = isOwnPlace ? path : grant.inside;
  const symlinks = isOwnPlace
    ? links.map(({ at, text }): Mount => ({ kind: 'symlink', source: text, target: at }))
    : [];
  if (facts.isCharacterDevice() || facts.isBlockDevice()) {
    return { mounts: [...symlinks, { kind: 'device', source: harmlessDevice(path), target }], protections: [] };
  }
  const mount: GrantedMount = {
    kind: isDirectory ? 'granted-directory' : 'granted-file',
    source: path,
    target,
    access: grant.access,
    identity: { device: facts.dev, inode: facts.ino },
  };
  const mounts = [...symlinks, mount];
  if (grant.access === 'read') return { mounts, protections: [] };
  const kept = await trustedWithin(path, isDirectory, trusted());
  await requireWritable(path);
  const protections = await Promise.all(kept.map((place) => protection(place, moved(place, path, target))));
  return { mounts, protections };
}

/** `undefined`: it is optional, and there is none. */
async function resolveGrant({ outside, kind, presence, within }: FileGrant): Promise<Resolved | undefined> {
  const resolved = await resolveIfPresent(outside);
  if (resolved === undefined) {
    if (presence === 'optional') return undefined;
    throw new PlanError(`${outside} does not exist`);
  }
  if (resolved.isDirectory !== (kind === 'directory')) {
    if (presence === 'optional') return undefined;
    throw new PlanError(
      kind === 'directory'
        ? `${outside} is not a directory; addFile() shows a file`
        : `${outside} is a directory; addDirectory() shows one with all that is in it`,
    );
  }
  for (const { at, uid } of resolved.links) requireOwnLink(at, Number(uid));
  const problem = problemOfOutside(resolved.path);
  if (problem !== undefined) throw new PlanError(`${outside} leads elsewhere: ${problem}`);
  const folders = await Promise.all(within.map(resolveIfPresent));
  const isShown = folders.every((folder) => folder !== undefined && isBeneath(resolved.path, folder.path));
  return isShown ? resolved : undefined;
}

/**
 * As the kernel has it for sticky folders (fs.protected_symlinks): a link that somebody else has made leads where they
 * want. A sandboxee of a root broker is somebody else; one of an ordinary user has the user's own ids.
 */
function requireOwnLink(link: string, uid: number): void {
  if (uid === 0 || uid === process.geteuid?.()) return;
  throw new PlanError(`${link} is a symlink that uid ${uid} has made, and could lead anywhere; name the real place`);
}

function harmlessDevice(path: string): string {
  if (HARMLESS_DEVICES.includes(path)) return path;
  throw new PlanError(`${path} is a device, and reaches a driver; there may be ${HARMLESS_DEVICES.join(', ')}`);
}

async function requireWritable(path: string): Promise<void> {
  try {
    await access(path, constants.W_OK);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EROFS') throw new PlanError(`${path} lies on a read-only file system, and cannot be writable`);
    if (code === 'EACCES') throw new PlanError(`${path} cannot be written by the broker's user, nor by the sandboxee`);
    throw error;
  }
}

/** Read-only, and what it was when it was looked at. */
async function protection(path: string, target: string): Promise<GrantedMount> {
  const facts = await lstat(path, { bigint: true });
  return {
    kind: facts.isDirectory() ? 'granted-directory' : 'granted-file',
    source: path,
    target,
    access: 'read',
    identity: { device: facts.dev, inode: facts.ino },
  };
}

async function libraryMounts(
  grant: LibrariesGrant,
  filesystem: FilesystemPolicy,
  context: GrantContext,
): Promise<readonly Mount[]> {
  const found = await context.librariesOf(grant);
  const allowed = await Promise.all(grant.within.map((other) => shownBy(other, context)));
  const mounts = found.map(async ({ path, links }): Promise<readonly Mount[]> => {
    const content = contentAt(filesystem, path);
    // What the policy says of the place itself comes first.
    const isCovered = content.kind !== 'nothing';
    const isOther = isCovered && !(content.kind === 'host' && content.path === path);
    if (isOther || !allowed.every((shows) => shows(path))) return [];
    const symlinks = links.map(({ at, text }): Mount => ({ kind: 'symlink', source: text, target: at }));
    return isCovered ? symlinks : [...symlinks, await protection(path, path)];
  });
  return (await Promise.all(mounts)).flat();
}

/** Tells which files of the host a policy shows at their own real place. */
async function shownBy(filesystem: FilesystemPolicy, context: GrantContext): Promise<(path: string) => boolean> {
  const lists = await Promise.all(
    filesystem.libraries.map(async (grant) => {
      const [found, ...others] = await Promise.all([
        context.librariesOf(grant),
        ...grant.within.map((other) => shownBy(other, context)),
      ]);
      return found.map(({ path }) => path).filter((path) => others.every((shows) => shows(path)));
    }),
  );
  const libraries = new Set(lists.flat());
  return (path) => {
    const content = contentAt(filesystem, path);
    return (content.kind === 'host' && content.path === path) || (content.kind === 'nothing' && libraries.has(path));
  };
}

/** What is no longer there cannot be seen, and a symlink shows nothing by itself. */
async function maskOf(inside: string, filesystem: FilesystemPolicy): Promise<readonly Mount[]> {
  const around = contentAt({ ...filesystem, hidden: [] }, inside);
  if (around.kind !== 'host') return [];
  try {
    const facts = await lstat(around.path);
    return facts.isSymbolicLink() ? [] : [{ kind: 'mask', source: inside, target: inside }];
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
