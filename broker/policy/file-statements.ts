/** What can be said of files, of the host's name and of the network, as values: no such word concerns a syscall. */
import { isBeneath } from '../paths.js';
import {
  dangerouslyAllowUnrestrictedNetworking,
  dangerouslyAllowWriteExecutable,
  type UnrestrictedNetworking,
  type WriteExecutable,
} from './tokens.js';

export type FileStatement =
  | {
      readonly call: 'addFile' | 'addFileIfExists' | 'addDirectory' | 'addDirectoryIfExists';
      readonly path: string;
      readonly writable?: boolean | undefined;
    }
  | {
      readonly call: 'addFileAt' | 'addDirectoryAt';
      readonly outside: string;
      readonly inside: string;
      readonly writable?: boolean | undefined;
    }
  | { readonly call: 'addTmpfs'; readonly inside: string; readonly size: number }
  | {
      readonly call: 'addLibrariesForBinary';
      readonly path: string;
      readonly libraryPath?: readonly string[] | undefined;
    }
  | { readonly call: 'setRootWritable'; readonly size?: number | undefined }
  | { readonly call: 'setHostname'; readonly hostname: string }
  | { readonly call: 'setWorkingDirectory'; readonly path: string }
  | { readonly call: 'allowUnrestrictedNetworking'; readonly token: UnrestrictedNetworking }
  | { readonly call: 'allowWriteExecutable'; readonly token: WriteExecutable };

export type FileWord = FileStatement['call'];

const FILE_WORDS: Readonly<Record<FileWord, true>> = {
  addFile: true,
  addFileAt: true,
  addFileIfExists: true,
  addDirectory: true,
  addDirectoryAt: true,
  addDirectoryIfExists: true,
  addTmpfs: true,
  addLibrariesForBinary: true,
  setRootWritable: true,
  setHostname: true,
  setWorkingDirectory: true,
  allowUnrestrictedNetworking: true,
  allowWriteExecutable: true,
};

export function isFileStatement(statement: { readonly call: string }): statement is FileStatement {
  return Object.hasOwn(FILE_WORDS, statement.call);
}

/** As it would be written: `addFileAt('/a', '/b', { writable: true })`. */
export function callOfFiles(statement: FileStatement): string {
  return `${statement.call}(${argumentsOf(statement).join(', ')})`;
}

function argumentsOf(statement: FileStatement): readonly string[] {
  switch (statement.call) {
    case 'addFile':
    case 'addFileIfExists':
    case 'addDirectory':
    case 'addDirectoryIfExists':
      return [quoted(statement.path), ...writable(statement.writable)];
    case 'addFileAt':
    case 'addDirectoryAt':
      return [quoted(statement.outside), quoted(statement.inside), ...writable(statement.writable)];
    case 'addTmpfs':
      return [quoted(statement.inside), String(statement.size)];
    case 'addLibrariesForBinary':
    case 'setWorkingDirectory':
      return [quoted(statement.path)];
    case 'setRootWritable':
      return statement.size === undefined ? [] : [String(statement.size)];
    case 'setHostname':
      return [quoted(statement.hostname)];
    case 'allowUnrestrictedNetworking':
    case 'allowWriteExecutable':
      return [];
  }
}

function quoted(text: unknown): string {
  return typeof text === 'string' ? `'${text}'` : String(text);
}

function writable(said: boolean | undefined): readonly string[] {
  return said === true ? ['{ writable: true }'] : [];
}

// What is wrong with one of them

export const PATH_LIMITS = { path: 4095, name: 255 } as const;
/** Bytes. A page at least; at most what is more than a sandboxee's memory can be. */
const SIZES = { least: 4096, most: 2 ** 36 } as const;
const LONE_SURROGATE = /\p{Surrogate}/u;
const MOST_LIBRARY_FOLDERS = 16;
const HOST_NAME = /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$/;

/** What the kernel tells of processors; all else beneath /sys describes the host's hardware. */
const SHOWN_OF_SYS = '/sys/devices/system/cpu';

/** Where the host keeps what it runs and what it trusts. */
const SYSTEM_FOLDERS = ['/bin', '/boot', '/etc', '/lib', '/lib32', '/lib64', '/libx32', '/sbin', '/sys', '/usr'];

export interface FileProblem {
  /** `/path` */
  readonly at: string;
  readonly message: string;
}

export function problemsOfFiles(statement: FileStatement): readonly FileProblem[] {
  switch (statement.call) {
    case 'addFile':
    case 'addFileIfExists':
      return grantProblems(statement, 'file', statement.path, statement.path);
    case 'addDirectory':
    case 'addDirectoryIfExists':
      return grantProblems(statement, 'directory', statement.path, statement.path);
    case 'addFileAt':
      return grantProblems(statement, 'file', statement.outside, statement.inside);
    case 'addDirectoryAt':
      return grantProblems(statement, 'directory', statement.outside, statement.inside);
    case 'addTmpfs':
      return [
        ...found('/inside', problemOfPlace(statement.inside) ?? problemOfInside(statement.inside)),
        ...found('/size', problemOfSize(statement.size)),
      ];
    case 'addLibrariesForBinary':
      return [...found('/path', problemOfPlace(statement.path)), ...libraryPathProblems(statement.libraryPath ?? [])];
    case 'setRootWritable':
      return statement.size === undefined ? [] : found('/size', problemOfSize(statement.size));
    case 'setHostname':
      return found('/hostname', problemOfHostname(statement.hostname));
    case 'setWorkingDirectory':
      return statement.path === '/' ? [] : found('/path', problemOfPlace(statement.path));
    case 'allowUnrestrictedNetworking':
      if (statement.token === dangerouslyAllowUnrestrictedNetworking) return [];
      return found(
        '/token',
        'it leaves the host’s network open: give it the token dangerouslyAllowUnrestrictedNetworking',
      );
    case 'allowWriteExecutable':
      if (statement.token === dangerouslyAllowWriteExecutable) return [];
      return found('/token', 'what was written can then be run: give it the token dangerouslyAllowWriteExecutable');
  }
}

function found(at: string, message: string | undefined): readonly FileProblem[] {
  return message === undefined ? [] : [{ at, message }];
}

function grantProblems(
  { call, writable: mayWrite }: { readonly call: FileWord; readonly writable?: boolean | undefined },
  kind: 'file' | 'directory',
  outside: string,
  inside: string,
): readonly FileProblem[] {
  const isSame = !call.endsWith('At');
  const [from, to] = isSame ? ['/path', '/path'] : ['/outside', '/inside'];
  const unsound = found(from, problemOfPlace(outside));
  if (unsound.length > 0) return unsound;
  if (mayWrite !== undefined && typeof mayWrite !== 'boolean') {
    return found('/writable', `${String(mayWrite)} is neither true nor false`);
  }
  if (isSame && isOwnProc({ kind, outside })) {
    return mayWrite === true ? found('/writable', 'a sandboxee’s own /proc is as it is') : [];
  }
  const problem = problemOfOutside(outside) ?? (mayWrite === true ? problemOfWriting(outside) : undefined);
  const target = isSame ? undefined : problemOfPlace(inside);
  return [...found(from, problem), ...found(to, target ?? problemOfInside(inside)).slice(problem && isSame ? 1 : 0)];
}

/** Every sandboxee has a /proc of its own; whoever asks for it gets nothing else. */
export function isOwnProc({
  kind,
  outside,
}: {
  readonly kind: 'file' | 'directory';
  readonly outside: string;
}): boolean {
  return kind === 'directory' && outside === '/proc';
}

/** Absolute and canonical, so that it can be compared as text. */
function problemOfPlace(path: unknown): string | undefined {
  const shown = JSON.stringify(path) ?? String(path);
  if (typeof path !== 'string') return `${shown} is not a path`;
  if (path.includes('\0')) return `${shown} contains a NUL byte, which would end it early`;
  if (LONE_SURROGATE.test(path)) return `${shown} is not well-formed Unicode`;
  if (!path.startsWith('/')) return `${shown} is not absolute; PolicyBuilder.anchorPathAbsolute() makes it so`;
  if (path === '/') return '/ cannot be granted whole; name the folders that the sandboxee needs';
  const names = path.slice(1).split('/');
  const odd = names.find((name) => name === '' || name === '.' || name === '..');
  if (odd !== undefined) return `${shown} is not canonical: take out every '.', '..', '//' and the '/' at the end`;
  if (Buffer.byteLength(path) > PATH_LIMITS.path) return `it is longer than ${PATH_LIMITS.path} bytes`;
  if (names.some((name) => Buffer.byteLength(name) > PATH_LIMITS.name)) {
    return `a name in it is longer than ${PATH_LIMITS.name} bytes`;
  }
  return undefined;
}

/** Also of what a path really leads to, at launch. */
export function problemOfOutside(path: string): string | undefined {
  if (path === '/') return 'it is the whole root of the host; name the folders that the sandboxee needs';
  if (isBeneath(path, '/proc')) {
    return `${path} shows the processes of the host; the sandboxee has a /proc of its own`;
  }
  if (isBeneath(path, '/sys') && !isBeneath(path, SHOWN_OF_SYS)) {
    return `${path} shows the hardware of the host; of /sys only ${SHOWN_OF_SYS} can be granted`;
  }
  return undefined;
}

function problemOfInside(path: string): string | undefined {
  return isBeneath(path, '/proc') ? 'inside, /proc is the sandboxee’s own, and nothing can be put there' : undefined;
}

/** Also of what a path really leads to, at launch. */
export function problemOfWriting(path: string): string | undefined {
  const system = SYSTEM_FOLDERS.find((folder) => isBeneath(path, folder));
  if (system !== undefined) return `${path} cannot be writable: the host runs and trusts what is in ${system}`;
  if (path.toLowerCase().split('/').includes('.git'))
    return `${path} cannot be writable: git runs what a repository says`;
  return undefined;
}

function problemOfSize(size: unknown): string | undefined {
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= SIZES.least && size <= SIZES.most)
    return undefined;
  return `${String(size)} is no size: whole bytes, from ${SIZES.least} to ${SIZES.most}`;
}

export function problemOfHostname(name: unknown): string | undefined {
  if (typeof name === 'string' && HOST_NAME.test(name)) return undefined;
  return `${JSON.stringify(name)} is no name for a host: 1 to 64 letters, digits, dots and hyphens, and no dot or hyphen at either end`;
}

function libraryPathProblems(folders: unknown): readonly FileProblem[] {
  if (!Array.isArray(folders) || folders.length > MOST_LIBRARY_FOLDERS) {
    return found('/libraryPath', `it is a list of at most ${MOST_LIBRARY_FOLDERS} folders`);
  }
  return folders.flatMap((folder: unknown, index) => found(`/libraryPath/${index}`, problemOfLibraryFolder(folder)));
}

/** `$ORIGIN` is the folder of the binary. */
function problemOfLibraryFolder(folder: unknown): string | undefined {
  if (folder === '$ORIGIN') return undefined;
  if (typeof folder === 'string' && folder.startsWith('$ORIGIN/'))
    return problemOfPlace(folder.slice('$ORIGIN'.length));
  return problemOfPlace(folder) ?? problemOfOutside(String(folder));
}
