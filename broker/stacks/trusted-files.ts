import { open, realpath } from 'node:fs/promises';
import { addonPath } from '../../native/locate.js';
import { executableFiles } from '../plan/libraries.js';
import { ElfFile } from './elf-file.js';
import { FrameTables } from './frame-tables.js';
import { identityOf } from './mappings.js';

/** A file that the host runs itself: its ELF structures may be parsed here. */
export interface TrustedFile {
  readonly path: string;
  readonly elf: ElfFile;
  readonly tables: FrameTables | undefined;
  /** Device, inode, size and time of change: another file has another. */
  readonly fingerprint: string;
  readonly isProgram: boolean;
}

/**
 * The program of a sandboxee, the libraries that it links and sallyport's own addon, of those that are mapped: found by device and inode of what
 * the broker resolves at their own path. A name says nothing: in a sandboxee's world, files can be called anything.
 */
export class TrustedFiles implements AsyncDisposable {
  readonly #byIdentity = new Map<string, TrustedFile>();

  static async of(program: string, mapped: ReadonlySet<string>): Promise<TrustedFiles> {
    const files = new TrustedFiles();
    try {
      const own = await realpath(addonPath('sandboxee'));
      const paths = [...(await executableFiles(program)).map(({ path }) => path), own];
      for (const path of paths) await files.#add(path, path === program, mapped);
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
    return files;
  }

  get(identity: string): TrustedFile | undefined {
    return this.#byIdentity.get(identity);
  }

  get program(): TrustedFile | undefined {
    return [...this.#byIdentity.values()].find(({ isProgram }) => isProgram);
  }

  async #add(path: string, isProgram: boolean, mapped: ReadonlySet<string>): Promise<void> {
    const handle = await open(path, 'r');
    const { dev, ino, size, mtimeNs } = await handle.stat({ bigint: true });
    const identity = identityOf(dev, ino);
    if (!mapped.has(identity) || this.#byIdentity.has(identity)) {
      await handle.close();
      return;
    }
    const elf = await ElfFile.read(handle);
    if (elf === undefined) return;
    const fingerprint = `${identity} ${size} ${mtimeNs}`;
    // At once, so that whatever comes of its tables it is closed.
    const file = { path, elf, tables: undefined, fingerprint, isProgram };
    this.#byIdentity.set(identity, file);
    this.#byIdentity.set(identity, { ...file, tables: await FrameTables.of(elf) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#byIdentity.values()].map(({ elf }) => elf[Symbol.asyncDispose]()));
  }
}
