/** How the words about files become one value, or a list of what is wrong with them. */
import { isBeneath } from '../paths.js';
import type { Origin, Stated } from './definition.js';
import type { PolicyProblem } from './errors.js';
import { type FileStatement, isFileStatement, isOwnProc, problemsOfFiles } from './file-statements.js';
import {
  type FileAccess,
  type FileGrant,
  type FilesystemPolicy,
  type LibrariesGrant,
  NO_FILES,
  type TmpfsGrant,
} from './filesystem.js';

/** Bytes, where nothing is said. */
const ROOT_SIZE = 16 * 1024 * 1024;
/** Each is a mount, and a plan has an end. */
const MOST_PLACES = 1024;

type Grant = Omit<FileGrant, 'call' | 'within'>;

export interface GatheredFiles {
  readonly filesystem: FilesystemPolicy;
  readonly problems: readonly PolicyProblem[];
}

/** @param placeOf how a problem names a place */
export function gatherFiles(
  stated: readonly Stated[],
  placeOf: (origin: Origin, at?: string) => string,
): GatheredFiles {
  const files = new Gathering();
  const problems = stated.flatMap(({ statement, origin }) => {
    if (!isFileStatement(statement)) return [];
    const unsound = problemsOfFiles(statement);
    if (unsound.length > 0) return unsound.map(({ at, message }) => ({ call: placeOf(origin, at), message }));
    const message = files.add(statement, origin.call);
    return message === undefined ? [] : [{ call: placeOf(origin), message }];
  });
  return { filesystem: files.value(), problems };
}

class Gathering {
  readonly #grants = new Map<string, FileGrant>();
  readonly #tmpfs = new Map<string, TmpfsGrant>();
  readonly #libraries: LibrariesGrant[] = [];
  #settings = NO_FILES;

  value(): FilesystemPolicy {
    return {
      ...this.#settings,
      grants: [...this.#grants.values()],
      tmpfs: [...this.#tmpfs.values()],
      libraries: this.#libraries,
    };
  }

  /** Returns why it does not go together with what was said before. */
  add(statement: FileStatement, call: string): string | undefined {
    if (this.#grants.size + this.#tmpfs.size + this.#libraries.length >= MOST_PLACES) {
      return `a policy names at most ${MOST_PLACES} files and folders; name the folders that they are in`;
    }
    switch (statement.call) {
      case 'addTmpfs':
        return this.#addTmpfs({ inside: statement.inside, size: statement.size, call });
      case 'addLibrariesForBinary': {
        const { path, libraryPath = [] } = statement;
        this.#libraries.push({ path, libraryPath: [...libraryPath], call, within: [] });
        return undefined;
      }
      case 'setRootWritable':
        return this.#set('writableRoot', statement.size ?? ROOT_SIZE);
      case 'setHostname':
        return this.#set('hostname', statement.hostname);
      case 'setWorkingDirectory':
        return this.#set('workingDirectory', statement.path);
      case 'allowUnrestrictedNetworking':
        this.#settings = { ...this.#settings, network: 'host' };
        return undefined;
      case 'allowWriteExecutable':
        this.#settings = { ...this.#settings, writeExecutable: true };
        return undefined;
      default:
        return this.#addGrant({ ...grantOf(statement), call, within: [] });
    }
  }

  #set<Name extends 'writableRoot' | 'hostname' | 'workingDirectory'>(
    name: Name,
    value: Exclude<FilesystemPolicy[Name], undefined>,
  ): string | undefined {
    const before = this.#settings[name];
    if (before !== undefined && before !== value) return `it was said before to be ${before}`;
    this.#settings = { ...this.#settings, [name]: value };
    return undefined;
  }

  #addTmpfs(tmpfs: TmpfsGrant): string | undefined {
    const same = this.#tmpfs.get(tmpfs.inside);
    if (same !== undefined && same.size !== tmpfs.size) return `${same.call} puts one of another size there`;
    const taken = this.#grants.get(tmpfs.inside);
    if (taken !== undefined) return `${taken.call} already shows something else there`;
    const problem = this.#problemOfNesting(tmpfs.inside, 'directory');
    if (problem === undefined) this.#tmpfs.set(tmpfs.inside, same ?? tmpfs);
    return problem;
  }

  #addGrant(grant: FileGrant): string | undefined {
    if (isOwnProc(grant)) return undefined;
    const taken = this.#tmpfs.get(grant.inside);
    if (taken !== undefined) return `${taken.call} already puts a tmpfs there`;
    const same = this.#grants.get(grant.inside);
    if (same !== undefined && (same.outside !== grant.outside || same.kind !== grant.kind)) {
      return `${same.call} already shows something else there`;
    }
    const problem = this.#problemOfNesting(grant.inside, grant.kind);
    if (problem === undefined) this.#grants.set(grant.inside, same === undefined ? grant : union(same, grant));
    return problem;
  }

  #problemOfNesting(inside: string, kind: FileGrant['kind']): string | undefined {
    const places = [...this.#grants.values(), ...this.#tmpfs.values()];
    const isStrictlyBeneath = (path: string, folder: string): boolean => path !== folder && isBeneath(path, folder);
    const file = [...this.#grants.values()].find(
      (each) => each.kind === 'file' && isStrictlyBeneath(inside, each.inside),
    );
    if (file !== undefined) return `${file.call} shows a file, and nothing can be in a file`;
    const nested = kind === 'file' && places.find((each) => isStrictlyBeneath(each.inside, inside));
    return nested ? `${nested.call} puts something into it, and nothing can be in a file` : undefined;
  }
}

/** Said twice, the more counts, as of two rules that allow. */
function union(first: FileGrant, second: FileGrant): FileGrant {
  const writing = [first, second].find(({ access }) => access === 'write');
  const required = [first, second].find(({ presence }) => presence === 'required');
  return {
    ...first,
    access: writing?.access ?? 'read',
    presence: required?.presence ?? 'optional',
    call: (writing ?? required ?? first).call,
  };
}

type GrantStatement = Extract<FileStatement, { readonly writable?: boolean | undefined }>;

function grantOf(statement: GrantStatement): Grant {
  const access: FileAccess = statement.writable === true ? 'write' : 'read';
  switch (statement.call) {
    case 'addFile':
    case 'addFileIfExists':
      return { kind: 'file', outside: statement.path, inside: statement.path, access, presence: presenceOf(statement) };
    case 'addDirectory':
    case 'addDirectoryIfExists':
      return {
        kind: 'directory',
        outside: statement.path,
        inside: statement.path,
        access,
        presence: presenceOf(statement),
      };
    case 'addFileAt':
      return { kind: 'file', outside: statement.outside, inside: statement.inside, access, presence: 'required' };
    case 'addDirectoryAt':
      return { kind: 'directory', outside: statement.outside, inside: statement.inside, access, presence: 'required' };
  }
}

function presenceOf({ call }: GrantStatement): Grant['presence'] {
  return call.endsWith('IfExists') ? 'optional' : 'required';
}
