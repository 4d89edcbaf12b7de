import { InvalidArgument } from '../errors.js';
import { Fd } from '../fd.js';
import { closeEventually, type FdOperations } from '../fd-facts.js';
import type { ArrivedBuffer, SharedBuffer } from '../shared-buffer.js';
import type { AnyInterface } from './interface.js';
import { Mismatch } from './mismatch.js';

/** Indexes into the side tables are one byte. */
export const MAX_HANDLES = 255;

/** A capability on its way out: whoever sends makes an id of it. */
export interface Exportable {
  readonly interface: AnyInterface;
}

const remotes = new WeakMap<object, Exportable>();

/** From here on `remote` can be passed on. It is known by this alone, whatever an object looks like. */
export function makePassable(remote: object, exportable: Exportable): void {
  remotes.set(remote, exportable);
}

export function passableOf(remote: unknown): Exportable | undefined {
  return typeof remote === 'object' && remote !== null ? remotes.get(remote) : undefined;
}

/**
 * What a message carries beside its bytes, in the order of its indexes. Nothing is moved while it is being encoded: that is
 * for the sender, once the whole message is there.
 */
export class OutgoingHandles {
  readonly fds: Fd[] = [];
  readonly buffers: SharedBuffer[] = [];
  readonly exports: Exportable[] = [];

  get isEmpty(): boolean {
    return this.fds.length === 0 && this.buffers.length === 0 && this.exports.length === 0;
  }

  putFd(fd: Fd): number {
    return put(this.fds, fd, 'the Fd');
  }

  putBuffer(buffer: SharedBuffer): number {
    return put(this.buffers, buffer, 'the SharedBuffer');
  }

  /** The same service may be in a message more than once: each is a reference of its own. */
  putExport(service: Exportable): number {
    if (this.exports.length === MAX_HANDLES) throw tooMany();
    return this.exports.push(service) - 1;
  }

  putRemote(remote: Exportable): number {
    return put(this.exports, remote, 'the remote', 'lend() it');
  }

  clear(): void {
    this.fds.length = 0;
    this.buffers.length = 0;
    this.exports.length = 0;
  }
}

function put<T>(table: T[], item: T, what: string, mend = 'dup() it'): number {
  if (table.includes(item)) throw new Mismatch(`${what} is in the message twice: sending moves it, ${mend}`);
  if (table.length === MAX_HANDLES) throw tooMany();
  return table.push(item) - 1;
}

function tooMany(): Mismatch {
  return new Mismatch(`a message carries at most ${MAX_HANDLES} of these`);
}

/** Makes a remote of an id that the peer sent, and lets go of one that nobody took. */
export interface RemoteSource {
  adopt(id: number, type: AnyInterface): Disposable;
  release(id: number): void;
}

/**
 * What came with a message. Each is claimed exactly once by the decoder; whatever goes wrong, `discard` closes both what was
 * claimed and what was not.
 */
export class IncomingHandles {
  readonly #fds: (number | null)[];
  readonly #buffers: (ArrivedBuffer | null)[];
  readonly #remotes: (number | null)[];
  readonly #operations: FdOperations;
  readonly #source: RemoteSource;
  #unclaimed: number;
  readonly #opened: { close(): void }[] = [];

  constructor(
    fds: readonly number[],
    buffers: readonly ArrivedBuffer[],
    remotes: readonly number[],
    operations: FdOperations,
    source: RemoteSource,
  ) {
    this.#fds = [...fds];
    this.#buffers = [...buffers];
    this.#remotes = [...remotes];
    this.#operations = operations;
    this.#source = source;
    this.#unclaimed = fds.length + buffers.length + remotes.length;
  }

  takeFd(index: number): Fd {
    const number = this.#claim(this.#fds, index, 'fd');
    try {
      return this.#keep(Fd.adopt(number, this.#operations));
    } catch (error) {
      closeEventually(this.#operations, number);
      throw error;
    }
  }

  takeBuffer(index: number): SharedBuffer {
    return this.#keep(this.#claim(this.#buffers, index, 'shared buffer').open());
  }

  takeRemote(index: number, type: AnyInterface): Disposable {
    const remote = this.#source.adopt(this.#claim(this.#remotes, index, 'remote'), type);
    this.#opened.push({ close: () => remote[Symbol.dispose]() });
    return remote;
  }

  /** Throws unless all was claimed. From here on the values are the receiver's. */
  finish(): void {
    if (this.#unclaimed > 0)
      throw new Mismatch(`${this.#unclaimed} fds, buffers or remotes came with it that it does not name`);
    this.#opened.length = 0;
  }

  discard(): void {
    for (const item of this.#opened.splice(0)) item.close();
    for (const fd of this.#fds.splice(0)) if (fd !== null) closeEventually(this.#operations, fd);
    for (const buffer of this.#buffers.splice(0)) buffer?.discard();
    for (const id of this.#remotes.splice(0)) if (id !== null) this.#source.release(id);
  }

  #claim<T>(table: (T | null)[], index: number, what: string): T {
    const item = table[index];
    if (item === undefined) throw new Mismatch(`${what} ${index} is named, and ${table.length} came`);
    if (item === null) throw new Mismatch(`${what} ${index} is named twice`);
    table[index] = null;
    this.#unclaimed--;
    return item;
  }

  #keep<T extends { close(): void }>(item: T): T {
    this.#opened.push(item);
    return item;
  }
}

/** For what carries only data: an event, and values outside of a call. */
export const noRemotes: RemoteSource = {
  adopt: () => {
    throw new InvalidArgument('no remote can come here');
  },
  release: () => {},
};
