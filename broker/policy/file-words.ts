import { callOfFiles, type FileStatement } from './file-statements.js';
import type { UnrestrictedNetworking, WriteExecutable } from './tokens.js';
import { Vocabulary } from './vocabulary.js';

export interface GrantOptions {
  /** Default: read-only. */
  readonly writable?: boolean;
}

export interface LibraryOptions {
  /** Folders to look in before the standard ones; `$ORIGIN` is that of the binary. What the binary itself says is not heeded. */
  readonly libraryPath?: readonly string[];
}

/**
 * The words about files, the host's name and the network. They say what there *is* for a sandboxee; which syscalls reach
 * it, the others say. Paths are absolute and canonical. Whether the host has them is found out at each launch, before
 * anything starts.
 */
export abstract class FileWords<Builder> extends Vocabulary<Builder> {
  /** @internal */
  protected abstract files(statement: FileStatement): Builder;

  /** @internal What is wrong with a call that made no statement. */
  protected abstract mistake(call: string, message: string): Builder;

  /** A file of the host, at its own place. */
  addFile(path: string, options: GrantOptions = {}): Builder {
    return this.#with({ call: 'addFile', path, writable: options.writable }, options, 'writable');
  }

  /** A file of the host, at another place. */
  addFileAt(outside: string, inside: string, options: GrantOptions = {}): Builder {
    return this.#with({ call: 'addFileAt', outside, inside, writable: options.writable }, options, 'writable');
  }

  /** A file of the host where it has one, and nothing where it has none or a directory. */
  addFileIfExists(path: string, options: GrantOptions = {}): Builder {
    return this.#with({ call: 'addFileIfExists', path, writable: options.writable }, options, 'writable');
  }

  /** A directory of the host with all that is in it. `/proc` is the sandboxee's own, which it has anyway. */
  addDirectory(path: string, options: GrantOptions = {}): Builder {
    return this.#with({ call: 'addDirectory', path, writable: options.writable }, options, 'writable');
  }

  /** A directory of the host, at another place. */
  addDirectoryAt(outside: string, inside: string, options: GrantOptions = {}): Builder {
    return this.#with({ call: 'addDirectoryAt', outside, inside, writable: options.writable }, options, 'writable');
  }

  /** A directory of the host where it has one, and nothing where it has none or a file. */
  addDirectoryIfExists(path: string, options: GrantOptions = {}): Builder {
    return this.#with({ call: 'addDirectoryIfExists', path, writable: options.writable }, options, 'writable');
  }

  /** A directory of memory to write to, empty at first, of at most so many bytes. */
  addTmpfs(inside: string, size: number): Builder {
    return this.files({ call: 'addTmpfs', inside, size });
  }

  /** The standard libraries that a binary links, and its loader. The binary is parsed at launch, in a sandboxee of its own. */
  addLibrariesForBinary(path: string, options: LibraryOptions = {}): Builder {
    const { libraryPath } = options;
    return this.#with({ call: 'addLibrariesForBinary', path, libraryPath }, options, 'libraryPath');
  }

  /** The root becomes memory to write to, of at most so many bytes (default 16 MiB). What is shown in it stays as it is. */
  setRootWritable(size?: number): Builder {
    return this.files({ call: 'setRootWritable', size });
  }

  /** What the sandboxee takes for the name of its host. Default `sandboxee`. */
  setHostname(hostname: string): Builder {
    return this.files({ call: 'setHostname', hostname });
  }

  /** Where the program starts. Default `/`. It has to be there: of the program's, or granted. */
  setWorkingDirectory(path: string): Builder {
    return this.files({ call: 'setWorkingDirectory', path });
  }

  /** The host's network in place of none; which syscalls reach it is for the other words to say. */
  allowUnrestrictedNetworking(token: UnrestrictedNetworking): Builder {
    return this.files({ call: 'allowUnrestrictedNetworking', token });
  }

  /** What can be written can be run, too: otherwise everything writable is mounted noexec. */
  allowWriteExecutable(token: WriteExecutable): Builder {
    return this.files({ call: 'allowWriteExecutable', token });
  }

  #with(statement: FileStatement, options: object, known: string): Builder {
    const unknown = Object.keys(options).find((name) => name !== known);
    if (unknown === undefined) return this.files(statement);
    return this.mistake(callOfFiles(statement), `no such option '${unknown}'; there is ${known}`);
  }
}
