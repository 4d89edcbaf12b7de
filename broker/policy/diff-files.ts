/** How two policies differ in what there is for a sandboxee, as settings and as places. */
import { comparePaths } from '../paths.js';
import { type Content, contentAt, type FilesystemPolicy, type LibrariesGrant, placesOf } from './filesystem.js';

/** A place at which the policies do not show the same. */
export interface FileChange {
  readonly path: string;
  /** The second shows, or lets write, what the first does not; and the other way round. */
  readonly allowsMore: boolean;
  readonly allowsLess: boolean;
  readonly before: string;
  readonly after: string;
}

export function fileChanges(first: FilesystemPolicy, second: FilesystemPolicy): readonly FileChange[] {
  const places = [...new Set([...placesOf(first), ...placesOf(second)])].sort(comparePaths);
  return [
    ...places.flatMap((path) => changeAt(path, contentAt(first, path), contentAt(second, path))),
    ...libraryChanges(first, second),
  ];
}

function changeAt(path: string, before: Content, after: Content): readonly FileChange[] {
  const [old, now] = [describe(before), describe(after)];
  if (old === now) return [];
  return [
    { path, allowsMore: !includes(before, after), allowsLess: !includes(after, before), before: old, after: now },
  ];
}

function describe(content: Content): string {
  if (content.kind === 'nothing') return 'nothing';
  if (content.kind === 'hidden') return 'hidden';
  if (content.kind === 'memory') return `${content.tmpfs.size} bytes of memory`;
  const { kind, access, presence } = content.grant;
  const optional = presence === 'optional' ? ', if there is one' : '';
  return `${kind} ${content.path}, ${access === 'read' ? 'read-only' : 'writable'}${optional}`;
}

/** Whether all that can be done with the one can be done with the other. */
function includes(larger: Content, smaller: Content): boolean {
  if (smaller.kind === 'nothing' || smaller.kind === 'hidden') return true;
  if (larger.kind === 'memory' && smaller.kind === 'memory') return larger.tmpfs.size >= smaller.tmpfs.size;
  if (larger.kind !== 'host' || smaller.kind !== 'host') return false;
  const isSame =
    larger.path === smaller.path && (larger.grant.kind === smaller.grant.kind || larger.path !== larger.grant.outside);
  return isSame && (larger.grant.access === 'write' || smaller.grant.access === 'read');
}

function libraryChanges(first: FilesystemPolicy, second: FilesystemPolicy): readonly FileChange[] {
  const [before, after] = [first, second].map(({ libraries }) => new Map(libraries.map((each) => [keyOf(each), each])));
  if (before === undefined || after === undefined) return [];
  const gone = [...before].filter(([key]) => !after.has(key)).map(([, { path }]) => changeOf(path, false));
  const come = [...after].filter(([key]) => !before.has(key)).map(([, { path }]) => changeOf(path, true));
  return [...gone, ...come];
}

function changeOf(binary: string, isNew: boolean): FileChange {
  const path = `the libraries that ${binary} links`;
  const [before, after] = isNew ? ['nothing', 'read-only'] : ['read-only', 'nothing'];
  return { path, allowsMore: isNew, allowsLess: !isNew, before: before ?? '', after: after ?? '' };
}

/** Of an intersection the others count as well. */
function keyOf({ path, libraryPath, within }: LibrariesGrant): string {
  return JSON.stringify([path, libraryPath, within]);
}
