/** What of the host a sandboxee sees besides its program, as values that nobody changes. */
import { comparePaths, isBeneath, moved } from '../paths.js';

export type FileAccess = 'read' | 'write';

/** A file or a folder with all that is in it. */
export interface FileGrant {
  readonly kind: 'file' | 'directory';
  readonly outside: string;
  readonly inside: string;
  readonly access: FileAccess;
  /** `optional`: where the host has none, or something else there, it is left out. */
  readonly presence: 'required' | 'optional';
  /** Who says so: `addFile('/etc/localtime')`. */
  readonly call: string;
  /** Of an intersection: only where it really lies beneath each of these folders of the host, which the others show. */
  readonly within: readonly string[];
}

/** Memory to write to, empty at first. */
export interface TmpfsGrant {
  readonly inside: string;
  /** Bytes. */
  readonly size: number;
  readonly call: string;
}

/** The libraries that a binary links, which are looked for at launch. */
export interface LibrariesGrant {
  readonly path: string;
  /** Looked in before the standard directories. `$ORIGIN` is the folder of the binary. */
  readonly libraryPath: readonly string[];
  readonly call: string;
  /** Of an intersection: only what each of these shows at the same place, too. */
  readonly within: readonly FilesystemPolicy[];
}

export interface FilesystemPolicy {
  readonly grants: readonly FileGrant[];
  readonly tmpfs: readonly TmpfsGrant[];
  readonly libraries: readonly LibrariesGrant[];
  /** Of an intersection: what one of its parts shows here is not what the other does. */
  readonly hidden: readonly string[];
  /** `undefined`: the root is read-only. Bytes. */
  readonly writableRoot: number | undefined;
  readonly hostname: string | undefined;
  readonly workingDirectory: string | undefined;
  readonly network: 'none' | 'host';
  readonly writeExecutable: boolean;
}

export const NO_FILES: FilesystemPolicy = {
  grants: [],
  tmpfs: [],
  libraries: [],
  hidden: [],
  writableRoot: undefined,
  hostname: undefined,
  workingDirectory: undefined,
  network: 'none',
  writeExecutable: false,
};

/** What is to be seen at a path inside. */
export type Content =
  | { readonly kind: 'host'; readonly path: string; readonly grant: FileGrant }
  | { readonly kind: 'memory'; readonly tmpfs: TmpfsGrant }
  | { readonly kind: 'hidden' }
  | { readonly kind: 'nothing' };

/** The innermost that covers a path counts. */
export function contentAt({ grants, tmpfs, hidden }: FilesystemPolicy, path: string): Content {
  const covering: readonly (readonly [string, Content])[] = [
    ...grants.map((grant) => [grant.inside, { kind: 'host', path: grant.outside, grant }] as const),
    ...tmpfs.map((each) => [each.inside, { kind: 'memory', tmpfs: each }] as const),
    ...hidden.map((inside) => [inside, { kind: 'hidden' }] as const),
  ];
  let innermost: readonly [string, Content] = ['', { kind: 'nothing' }];
  for (const each of covering) {
    if (isBeneath(path, each[0]) && each[0].length > innermost[0].length) innermost = each;
  }
  const [inside, content] = innermost;
  if (content.kind !== 'host' || path === inside) return content;
  if (content.grant.kind === 'file') return { kind: 'nothing' };
  return { ...content, path: moved(path, inside, content.path) };
}

/** All places at which a policy says what is there, folders before what is in them. */
export function placesOf({ grants, tmpfs, hidden }: FilesystemPolicy): readonly string[] {
  const places = [...grants.map(({ inside }) => inside), ...tmpfs.map(({ inside }) => inside), ...hidden];
  return [...new Set(places)].sort(comparePaths);
}
