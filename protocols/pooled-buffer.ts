import { readSync, writeSync } from 'node:fs';
import type { NativeMapping } from '../native/shared.js';
import { ClosedError, InvalidArgument, SallyportError, UseAfterMove } from './errors.js';
import type { KeptMappings } from './kept-mappings.js';
import { unwatch, watchForLeak } from './leak.js';
import { type BufferMode, checkCopyIn, checkCopyOut, checkRange, type SharedBuffer } from './shared-buffer.js';

/** One memfd of a pool. */
export interface PooledMemory {
  readonly id: number;
  readonly fd: number;
  /** Device and inode. */
  readonly file: string;
  readonly capacity: number;
  /** The broker's own writable mapping of memory that is sealed against all further writing. */
  readonly mapping: ArrayBuffer | null;
  readonly sealed: boolean;
  /** `held`: by a SharedBuffer in the broker, or on its way to one. `lent`: by the sandboxee. */
  state: 'free' | 'held' | 'lent';
  /** The sandboxee had it at some time, and may still map it. */
  exposed: boolean;
  /** The sandboxee keeps the memfd: it is passed by its id. */
  kept: boolean;
  /** Of the present use: the memory may be larger. */
  size: number;
  mode: BufferMode;
}

/**
 * The broker's handle on memory that a sandboxee can write: read and written by pread and pwrite, which copy in the kernel,
 * cannot block on a memfd, and turn what would be SIGBUS into an error.
 */
export class PooledBuffer implements SharedBuffer {
  readonly memory: PooledMemory;
  readonly id: number;
  readonly size: number;
  readonly mode: BufferMode;
  readonly #mappings: KeptMappings;
  readonly #free: () => void;
  #state: 'open' | 'moved' | 'closed' = 'open';
  #mapping: NativeMapping | null = null;
  #view: ArrayBuffer | null = null;

  constructor(memory: PooledMemory, mappings: KeptMappings, free: () => void) {
    this.memory = memory;
    this.id = memory.id;
    this.size = memory.size;
    this.mode = memory.mode;
    this.#mappings = mappings;
    this.#free = free;
    watchForLeak(this, `SharedBuffer of ${this.size} bytes (${this.mode})`, PooledBuffer);
  }

  copyOut(start = 0, end = this.size): Buffer {
    this.#check();
    checkRange(this.size, start, end);
    const copy = Buffer.allocUnsafeSlow(end - start);
    this.#read(copy, start);
    return copy;
  }

  copyInto(target: Uint8Array, start = 0): void {
    this.#check();
    checkCopyOut(this.size, target, start);
    this.#read(target, start);
  }

  copyIn(bytes: Uint8Array, at = 0): void {
    this.#check();
    checkCopyIn(this.size, bytes, at);
    const { mapping } = this.memory;
    if (mapping !== null) new Uint8Array(mapping).set(bytes, at);
    else transfer(bytes.length, (done) => writeSync(this.memory.fd, bytes, done, bytes.length - done, at + done));
  }

  unsafeBytes(): Uint8Array {
    const mapping = this.#mapped();
    this.#view ??= mapping.view(this.size);
    return new Uint8Array(this.#view);
  }

  unsafeLastingBytes(): Uint8Array {
    return new Uint8Array(this.#mapped().lasting(), 0, this.size);
  }

  close(): void {
    if (this.#state !== 'open') return;
    this.#let('closed');
    this.#free();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Ends this handle; the memory is the caller's to pass on. */
  move(): void {
    this.#check();
    this.#let('moved');
  }

  #mapped(): NativeMapping {
    this.#check();
    if (this.mode !== 'unsafe') {
      throw new InvalidArgument(
        `a ${this.mode} buffer has no view in the broker: use copyOut and copyIn, or mode 'unsafe'`,
      );
    }
    this.#mapping ??= this.#mappings.take(this.id, this.memory.fd, this.size, true);
    return this.#mapping;
  }

  #read(target: Uint8Array, start: number): void {
    const { mapping, fd } = this.memory;
    if (mapping !== null) target.set(new Uint8Array(mapping, start, target.length));
    else transfer(target.length, (done) => readSync(fd, target, done, target.length - done, start + done));
  }

  #let(state: 'moved' | 'closed'): void {
    this.#state = state;
    unwatch(this);
    if (this.#mapping !== null) this.#mappings.giveBack(this.id);
    this.#mapping = null;
  }

  #check(): void {
    if (this.#state === 'moved') throw new UseAfterMove('the SharedBuffer');
    if (this.#state === 'closed') throw new ClosedError('the SharedBuffer is closed');
  }
}

/** The kernel may do less than was asked for. */
function transfer(length: number, step: (done: number) => number): void {
  for (let done = 0; done < length; ) {
    const count = step(done);
    if (count === 0)
      throw new SallyportError('ERR_SALLYPORT_INTERNAL', `shared memory ended at ${done} of ${length} bytes`);
    done += count;
  }
}
