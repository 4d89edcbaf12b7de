import { shared } from '../native/shared.js';
import { ClosedError, InvalidArgument, UseAfterMove } from './errors.js';
import { type FdOperations, nativeFds } from './fd-facts.js';
import { unwatch, watchForLeak } from './leak.js';
import {
  type ArrivedBuffer,
  type BufferFacts,
  type BufferHome,
  type BufferMode,
  checkCopyIn,
  checkRange,
  type SharedBuffer,
} from './shared-buffer.js';

export interface Mapper {
  map(fd: number, length: number, writable: boolean): ArrayBuffer;
  /** Detaches: every view becomes empty. */
  unmap(buffer: ArrayBuffer): void;
}

const nativeMapper: Mapper = {
  map: (fd, length, writable) => shared().map(fd, length, writable),
  unmap: (buffer) => shared().unmap(buffer),
};

/** The sandboxee's buffers: memory that the broker made, mapped here for as long as it is owned here. */
export class MappedBuffers implements BufferHome {
  readonly #fds: FdOperations;
  readonly #mapper: Mapper;
  #release: (id: number) => void = () => {};

  constructor(fds: FdOperations = nativeFds, mapper: Mapper = nativeMapper) {
    this.#fds = fds;
    this.#mapper = mapper;
  }

  attach(release: (id: number) => void): void {
    this.#release = release;
  }

  arrive(fd: number, facts: BufferFacts): ArrivedBuffer {
    return {
      open: () => this.#open(fd, facts),
      discard: () => {
        this.#fds.close(fd);
        this.#release(facts.id);
      },
    };
  }

  depart(buffer: SharedBuffer): { fd: number; facts: BufferFacts } {
    if (!(buffer instanceof MappedBuffer)) throw new InvalidArgument('that is no buffer of this channel');
    return { fd: buffer.move(), facts: { id: buffer.id, mode: buffer.mode, size: buffer.size } };
  }

  lost(id: number): void {
    this.#release(id);
  }

  close(): void {
    this.#release = () => {};
  }

  #open(fd: number, facts: BufferFacts): SharedBuffer {
    let memory: ArrayBuffer;
    try {
      memory = this.#mapper.map(fd, facts.size, facts.mode !== 'read-only');
    } catch (error) {
      this.#fds.close(fd);
      this.#release(facts.id);
      throw error;
    }
    return new MappedBuffer(facts, memory, fd, {
      unmap: () => this.#mapper.unmap(memory),
      close: () => {
        this.#fds.close(fd);
        this.#release(facts.id);
      },
    });
  }
}

class MappedBuffer implements SharedBuffer {
  readonly id: number;
  readonly size: number;
  readonly mode: BufferMode;
  readonly #fd: number;
  readonly #end: { unmap(): void; close(): void };
  #memory: ArrayBuffer | null;
  #moved = false;

  constructor(facts: BufferFacts, memory: ArrayBuffer, fd: number, end: { unmap(): void; close(): void }) {
    this.id = facts.id;
    this.size = facts.size;
    this.mode = facts.mode;
    this.#memory = memory;
    this.#fd = fd;
    this.#end = end;
    watchForLeak(this, `SharedBuffer of ${facts.size} bytes (${facts.mode})`, MappedBuffer);
  }

  copyOut(start = 0, end = this.size): Buffer {
    checkRange(this.size, start, end);
    return Buffer.from(this.#view().subarray(start, end));
  }

  copyIn(bytes: Uint8Array, at = 0): void {
    if (this.mode === 'read-only') throw new InvalidArgument('the buffer is read-only here');
    checkCopyIn(this.size, bytes, at);
    this.#view().set(bytes, at);
  }

  unsafeBytes(): Uint8Array {
    return this.#view();
  }

  close(): void {
    if (this.#memory === null) return;
    this.#unmap();
    this.#end.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The memfd, which is the caller's from here on. */
  move(): number {
    this.#view();
    this.#moved = true;
    this.#unmap();
    return this.#fd;
  }

  #unmap(): void {
    this.#memory = null;
    unwatch(this);
    this.#end.unmap();
  }

  #view(): Uint8Array {
    if (this.#moved) throw new UseAfterMove('the SharedBuffer');
    if (this.#memory === null) throw new ClosedError('the SharedBuffer is closed');
    return new Uint8Array(this.#memory, 0, this.size);
  }
}
