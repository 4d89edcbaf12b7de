import type { NativeMapping } from '../native/shared.js';

export interface MappingOperations {
  /** Maps a sealed memfd. The fd stays the caller's. */
  map(fd: number, length: number, writable: boolean): NativeMapping;
}

interface Kept {
  readonly mapping: NativeMapping;
  /** Bytes. */
  readonly length: number;
  taken: boolean;
}

/**
 * One side's mappings of shared memory, by the id of the memory. They outlive the buffers: to map 64 MiB anew, and to have every page
 * of it faulted in, takes longer than to fill them. What nobody has taken has only such an ArrayBuffer as was asked to last.
 */
export class KeptMappings {
  readonly #operations: MappingOperations;
  /** Bytes, beyond which only what is taken stays mapped. */
  readonly most: number;
  /** What was given back last comes last. */
  readonly #byId = new Map<number, Kept>();
  #bytes = 0;

  constructor(operations: MappingOperations, most: number) {
    this.#operations = operations;
    this.most = most;
  }

  /** Bytes that are mapped, taken or not. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes at least `size` bytes of a memory that nobody has taken. Only this can fail. */
  take(id: number, fd: number, size: number, writable: boolean): NativeMapping {
    const before = this.#byId.get(id);
    if (before !== undefined && before.length >= size) {
      before.taken = true;
      return before.mapping;
    }
    this.drop(id);
    const mapping = this.#operations.map(fd, size, writable);
    this.#byId.set(id, { mapping, length: size, taken: true });
    this.#bytes += size;
    this.#evict();
    return mapping;
  }

  /** Every view that is not a lasting one becomes empty. */
  giveBack(id: number): void {
    const kept = this.#byId.get(id);
    if (kept === undefined) return;
    if (!kept.mapping.revoke()) {
      this.drop(id);
      return;
    }
    kept.taken = false;
    this.#byId.delete(id);
    this.#byId.set(id, kept);
    this.#evict();
  }

  /** Unmaps at once, and every view becomes empty. */
  drop(id: number): void {
    const kept = this.#byId.get(id);
    if (kept === undefined) return;
    this.#byId.delete(id);
    this.#bytes -= kept.length;
    kept.mapping.unmap();
  }

  #evict(): void {
    for (const [id, { taken }] of this.#byId) {
      if (this.#bytes <= this.most) return;
      if (!taken) this.drop(id);
    }
  }
}
