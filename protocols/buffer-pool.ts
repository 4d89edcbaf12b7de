import { Seal } from '../native/shared.js';
import { BufferQuota, InvalidArgument, ProtocolError } from './errors.js';
import { closeEventually, type FdOperations } from './fd-facts.js';
import { KeptMappings, type MappingOperations } from './kept-mappings.js';
import { defaultLimits } from './limits.js';
import { PooledBuffer, type PooledMemory } from './pooled-buffer.js';
import {
  type ArrivedBuffer,
  type BufferFacts,
  type BufferHome,
  type BufferMode,
  type BufferNews,
  checkBuffer,
  type DepartingBuffer,
  type SharedBuffer,
} from './shared-buffer.js';
import { KiB } from './units.js';

/** What the pool needs of the broker's addon. */
export interface PoolOperations extends FdOperations, MappingOperations {
  /** A memfd of `size` bytes that allows sealing and cannot be executed. */
  createMemory(size: number): number;
  seal(fd: number, seals: number): void;
}

export interface PoolLimits {
  /** Bytes. */
  readonly sharedMemory: number;
  readonly sharedBuffers: number;
  /** Bytes that stay mapped here for their next use. */
  readonly mappedMemory?: number;
}

const SMALLEST = 64 * KiB;

/**
 * The shared memory of one sandboxee, in power-of-two sizes.
 *
 * What the sandboxee once had stays charged for as long as it lives, since a hostile one keeps its mapping whatever it says;
 * it is used again for the same sandboxee, so that thousands of requests fit the quota. What it never had is given back.
 * A buffer that returns is recognised by device and inode, or by its id where the sandboxee keeps the memfd, and read through
 * the broker's own fd. Of either it is believed only what the pool knows itself: that it was lent, how large, in which mode.
 */
export class BufferPool implements BufferHome {
  readonly #operations: PoolOperations;
  readonly #limits: PoolLimits;
  readonly #mappings: KeptMappings;
  readonly told: BufferNews = {
    released: (id) => this.#free(this.#lent(id, 'released')),
    kept: (id) => {
      const memory = this.#lent(id, 'keeps');
      if (memory.kept) throw new ProtocolError(`the peer keeps buffer ${id} twice`);
      memory.kept = true;
    },
  };
  readonly #byFile = new Map<string, PooledMemory>();
  readonly #byId = new Map<number, PooledMemory>();
  #charged = 0;
  #lastId = 0;
  #closed = false;

  constructor(operations: PoolOperations, limits: PoolLimits = defaultLimits) {
    this.#operations = operations;
    this.#limits = limits;
    this.#mappings = new KeptMappings(operations, limits.mappedMemory ?? defaultLimits.mappedMemory);
  }

  /** Bytes that count against the quota. */
  get charged(): number {
    return this.#charged;
  }

  get mapped(): { readonly used: number; readonly limit: number } {
    return { used: this.#mappings.bytes, limit: this.#mappings.most };
  }

  create(size: number, mode: BufferMode): SharedBuffer {
    checkBuffer(size, mode);
    if (this.#closed) throw new InvalidArgument('the sandboxee that the buffer is for has ended');
    const memory = this.#reuse(size, mode) ?? this.#make(size, mode);
    return this.#hold(memory, size, mode);
  }

  arrive(fd: number | null, facts: BufferFacts): ArrivedBuffer {
    const memory = fd === null ? this.#byId.get(facts.id) : this.#recognise(fd);
    if (memory === undefined || (fd === null && !memory.kept))
      throw new ProtocolError(`the peer sent buffer ${facts.id} by its id, and does not keep it`);
    if (memory.state !== 'lent' || memory.id !== facts.id || memory.size !== facts.size || memory.mode !== facts.mode) {
      throw new ProtocolError(`the peer sent buffer ${facts.id} with facts that are not its own`);
    }
    memory.state = 'held';
    return {
      open: () => this.#hold(memory, memory.size, memory.mode),
      discard: () => this.#free(memory),
    };
  }

  depart(buffer: SharedBuffer): DepartingBuffer {
    const memory = buffer instanceof PooledBuffer ? buffer.memory : undefined;
    if (memory === undefined || this.#byId.get(memory.id) !== memory || !(buffer instanceof PooledBuffer)) {
      throw new InvalidArgument('that buffer was not made for this sandboxee');
    }
    buffer.move();
    let fd: number | null;
    try {
      fd = memory.kept ? null : this.#operations.duplicate(memory.fd);
    } catch (error) {
      this.#free(memory);
      throw error;
    }
    memory.state = 'lent';
    memory.exposed = true;
    return { fd, facts: { id: memory.id, mode: memory.mode, size: memory.size } };
  }

  lost(id: number): void {
    this.#free(this.#lent(id, 'lost'));
  }

  close(): void {
    this.#closed = true;
    for (const memory of this.#byId.values()) {
      if (memory.state !== 'held') this.#destroy(memory);
    }
  }

  #lent(id: number, verb: string): PooledMemory {
    const memory = this.#byId.get(id);
    if (memory?.state !== 'lent') throw new ProtocolError(`the peer ${verb} buffer ${id}, which it does not have`);
    return memory;
  }

  #hold(memory: PooledMemory, size: number, mode: BufferMode): SharedBuffer {
    memory.state = 'held';
    memory.size = size;
    memory.mode = mode;
    return new PooledBuffer(memory, this.#mappings, () => this.#free(memory));
  }

  #free(memory: PooledMemory): void {
    // What the broker wrote into memory that was never sent is not for the next request to see.
    if (this.#closed || !memory.exposed) this.#destroy(memory);
    else memory.state = 'free';
  }

  /** The smallest that is large enough; a larger one than its size class only where a new one would break the quota. */
  #reuse(size: number, mode: BufferMode): PooledMemory | undefined {
    const capacity = capacityFor(size);
    let best: PooledMemory | undefined;
    for (const memory of this.#byId.values()) {
      if (memory.state !== 'free' || memory.sealed !== (mode === 'read-only') || memory.capacity < capacity) continue;
      if (best === undefined || memory.capacity < best.capacity) best = memory;
    }
    if (best === undefined || best.capacity === capacity) return best;
    return this.#fits(capacity) ? undefined : best;
  }

  #fits(capacity: number): boolean {
    return capacity <= this.#limits.sharedMemory - this.#charged && this.#byId.size < this.#limits.sharedBuffers;
  }

  #make(size: number, mode: BufferMode): PooledMemory {
    const capacity = capacityFor(size);
    if (!this.#fits(capacity)) {
      const available = this.available;
      const { sharedMemory, sharedBuffers } = this.#limits;
      throw new BufferQuota(
        size,
        available,
        `no shared buffer of ${size} bytes (${capacity} with its size class): ${this.#charged} of ${sharedMemory} bytes and ` +
          `${this.#byId.size} of ${sharedBuffers} buffers are taken. Close or send back buffers, or raise limits.sharedMemory`,
      );
    }
    const memory = this.#allocate(capacity, mode);
    this.#byFile.set(memory.file, memory);
    this.#byId.set(memory.id, memory);
    this.#charged += capacity;
    return memory;
  }

  /** Bytes that one more new buffer could have. */
  get available(): number {
    if (this.#byId.size >= this.#limits.sharedBuffers) return 0;
    return Math.max(0, this.#limits.sharedMemory - this.#charged);
  }

  #allocate(capacity: number, mode: BufferMode): PooledMemory {
    const operations = this.#operations;
    const fd = operations.createMemory(capacity);
    const id = this.#nextId();
    let mapping: ArrayBuffer | null = null;
    try {
      operations.seal(fd, Seal.Shrink | Seal.Grow);
      // Only a mapping from before F_SEAL_FUTURE_WRITE can still write: it is the broker's way in, and the only one.
      if (mode === 'read-only') mapping = this.#mappings.take(id, fd, capacity, true).lasting();
      operations.seal(fd, mode === 'read-only' ? Seal.FutureWrite | Seal.Seal : Seal.Seal);
      const { dev, ino } = operations.describe(fd);
      const file = `${dev}:${ino}`;
      return {
        id,
        fd,
        file,
        capacity,
        mapping,
        sealed: mode === 'read-only',
        state: 'free',
        exposed: false,
        kept: false,
        size: 0,
        mode,
      };
    } catch (error) {
      this.#mappings.drop(id);
      closeEventually(operations, fd);
      throw error;
    }
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#byId.has(this.#lastId));
    return this.#lastId;
  }

  #recognise(fd: number): PooledMemory {
    try {
      const { dev, ino } = this.#operations.describe(fd);
      const memory = this.#byFile.get(`${dev}:${ino}`);
      if (memory === undefined) throw new ProtocolError('the peer sent a shared buffer that the broker did not make');
      return memory;
    } finally {
      closeEventually(this.#operations, fd);
    }
  }

  #destroy(memory: PooledMemory): void {
    this.#byFile.delete(memory.file);
    this.#byId.delete(memory.id);
    this.#charged -= memory.capacity;
    this.#mappings.drop(memory.id);
    closeEventually(this.#operations, memory.fd);
  }
}

function capacityFor(size: number): number {
  let capacity = SMALLEST;
  while (capacity < size) capacity *= 2;
  return capacity;
}
