import { comparePaths } from '../paths.js';
import {
  type Content,
  contentAt,
  type FileGrant,
  type FilesystemPolicy,
  type LibrariesGrant,
  NO_FILES,
  placesOf,
  type TmpfsGrant,
} from './filesystem.js';

/**
 * What both show, and writable only where both say so. Where one of them shows something else in the midst of what both
 * show, nothing is seen. Names, which grant nothing, are those of the first that has one.
 */
export function intersectFiles(first: FilesystemPolicy, second: FilesystemPolicy): FilesystemPolicy {
  const grants: FileGrant[] = [];
  const tmpfs: TmpfsGrant[] = [];
  const hidden: string[] = [];
  const places = [...new Set([...placesOf(first), ...placesOf(second)])].sort(comparePaths);
  for (const inside of places) {
    const both = meet(inside, contentAt(first, inside), contentAt(second, inside));
    if (both?.kind === 'grant') grants.push(both.grant);
    else if (both?.kind === 'tmpfs') tmpfs.push(both.tmpfs);
    else if (contentAt({ ...NO_FILES, grants, tmpfs, hidden }, inside).kind === 'host') hidden.push(inside);
  }
  return {
    grants,
    tmpfs,
    hidden,
    libraries: [...librariesWithin(first, second), ...librariesWithin(second, first)],
    writableRoot: smaller(first.writableRoot, second.writableRoot),
    hostname: first.hostname ?? second.hostname,
    workingDirectory: first.workingDirectory ?? second.workingDirectory,
    network: first.network === 'host' && second.network === 'host' ? 'host' : 'none',
    writeExecutable: first.writeExecutable && second.writeExecutable,
  };
}

type Meeting =
  | { readonly kind: 'grant'; readonly grant: FileGrant }
  | { readonly kind: 'tmpfs'; readonly tmpfs: TmpfsGrant };

function meet(inside: string, a: Content, b: Content): Meeting | undefined {
  if (a.kind === 'memory' && b.kind === 'memory') {
    return { kind: 'tmpfs', tmpfs: { ...a.tmpfs, inside, size: Math.min(a.tmpfs.size, b.tmpfs.size) } };
  }
  if (a.kind !== 'host' || b.kind !== 'host' || a.path !== b.path) return undefined;
  const around = [a, b].filter(({ grant }) => grant.inside !== inside).map(({ grant }) => grant.outside);
  const exact = [a, b].filter(({ grant }) => grant.inside === inside).map(({ grant }) => grant);
  const [own, other] = exact;
  if (own === undefined || (other !== undefined && other.kind !== own.kind)) return undefined;
  return {
    kind: 'grant',
    grant: {
      ...own,
      inside,
      access: a.grant.access === 'write' && b.grant.access === 'write' ? 'write' : 'read',
      presence: exact.every(({ presence }) => presence === 'optional') ? 'optional' : 'required',
      // A symlink could lead out of what the other shows.
      within: [...new Set([a, b].flatMap(({ grant }) => grant.within).concat(around))],
    },
  };
}

function librariesWithin(of: FilesystemPolicy, other: FilesystemPolicy): readonly LibrariesGrant[] {
  return of.libraries.map((grant) => ({ ...grant, within: [...grant.within, other] }));
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.min(a, b);
}
