import { type NativeMapping, shared } from '../native/shared.js';
import { ClosedError, InvalidArgument, ProtocolError, UseAfterMove } from './errors.js';
import { type FdOperations, nativeFds } from './fd-facts.js';
import { KeptMappings, type MappingOperations } from './kept-mappings.js';
import { unwatch, watchForLeak } from './leak.js';
import { type ChannelLimits, defaultLimits } from './limits.js';
import {
  type ArrivedBuffer,
  type BufferFacts,
  type BufferHome,
  type BufferMode,
  type BufferNews,
  checkCopyIn,
  checkCopyOut,
  checkRange,
  type DepartingBuffer,
  type SharedBuffer,
} from './shared-buffer.js';

const nativeMappings: MappingOperations = {
  map: (fd, length, writable) => new (shared().Mapping)(fd, length, writable),
};

/** Memory of which the memfd is here, whoever has the buffer. */
interface Memory {
  readonly fd: number;
  /** The buffer has arrived, or is held. */
  here: boolean;
  /** The broker was told that the memfd stays. */
  kept: boolean;
}

/**
 * The sandboxee's buffers: memory that the broker made. Once it was used here its memfd stays, and the buffer crosses by its id;
 * of memfds and of mappings, as many stay as the limits allow. What does not stay goes with its memfd each time.
 */
export class MappedBuffers implements BufferHome {
  readonly #fds: FdOperations;
  readonly #mappings: KeptMappings;
  readonly #mostKept: number;
  readonly #byId = new Map<number, Memory>();
  #kept = 0;
  /** Null once the channel has ended: nothing comes back then. */
  #news: BufferNews | null = { released: () => {}, kept: () => {} };

  constructor(
    fds: FdOperations = nativeFds,
    mappings: MappingOperations = nativeMappings,
    limits: Partial<Pick<ChannelLimits, 'mappedMemory' | 'keptBuffers'>> = {},
  ) {
    const { mappedMemory, keptBuffers } = { ...defaultLimits, ...limits };
    this.#fds = fds;
    this.#mappings = new KeptMappings(mappings, mappedMemory);
    this.#mostKept = keptBuffers;
  }

  get mapped(): { readonly used: number; readonly limit: number } {
    return { used: this.#mappings.bytes, limit: this.#mappings.most };
  }

  attach(news: BufferNews): void {
    this.#news = news;
  }

  arrive(fd: number | null, facts: BufferFacts): ArrivedBuffer {
    const memory = this.#memoryOf(fd, facts.id);
    memory.here = true;
    return {
      open: () => this.#open(memory, facts),
      discard: () => this.#closed(memory, facts.id),
    };
  }

  depart(buffer: SharedBuffer): DepartingBuffer {
    if (!(buffer instanceof MappedBuffer)) throw new InvalidArgument('that is no buffer of this channel');
    const { id, mode, size } = buffer;
    return { fd: buffer.move(), facts: { id, mode, size } };
  }

  lost(id: number): void {
    this.#news?.released(id);
  }

  close(): void {
    this.#news = null;
    for (const [id, { here }] of this.#byId) if (!here) this.#forget(id);
  }

  #memoryOf(fd: number | null, id: number): Memory {
    const known = this.#byId.get(id);
    if (fd === null) {
      if (known === undefined || known.here)
        throw new ProtocolError(`the peer sent buffer ${id} by its id, and it is here, or its memory is not`);
      return known;
    }
    if (known?.here) {
      this.#fds.close(fd);
      throw new ProtocolError(`the peer sent buffer ${id}, which is here`);
    }
    this.#forget(id);
    const memory = { fd, here: true, kept: false };
    this.#byId.set(id, memory);
    return memory;
  }

  #open(memory: Memory, facts: BufferFacts): SharedBuffer {
    const { id, size, mode } = facts;
    try {
      const mapping = this.#mappings.take(id, memory.fd, size, mode !== 'read-only');
      this.#keep(memory, id);
      return new MappedBuffer(facts, mapping, {
        closed: () => this.#closed(memory, id),
        moved: () => this.#moved(memory, id),
      });
    } catch (error) {
      this.#closed(memory, id);
      throw error;
    }
  }

  #closed(memory: Memory, id: number): void {
    memory.here = false;
    if (memory.kept && this.#news !== null) this.#mappings.giveBack(id);
    else this.#forget(id);
    this.#news?.released(id);
  }

  /** The memfd, where it does not stay. */
  #moved(memory: Memory, id: number): number | null {
    memory.here = false;
    if (!memory.kept) {
      this.#byId.delete(id);
      this.#mappings.drop(id);
      return memory.fd;
    }
    if (this.#news !== null) this.#mappings.giveBack(id);
    else this.#forget(id);
    return null;
  }

  #keep(memory: Memory, id: number): void {
    if (memory.kept || this.#kept >= this.#mostKept || this.#news === null) return;
    this.#news.kept(id);
    memory.kept = true;
    this.#kept += 1;
  }

  #forget(id: number): void {
    const memory = this.#byId.get(id);
    if (memory === undefined) return;
    if (memory.kept) this.#kept -= 1;
    this.#byId.delete(id);
    this.#mappings.drop(id);
    this.#fds.close(memory.fd);
  }
}

/** The ways in which a buffer leaves its holder. */
interface Home {
  closed(): void;
  /** The memfd, where it goes along. */
  moved(): number | null;
}

class MappedBuffer implements SharedBuffer {
  readonly id: number;
  readonly size: number;
  readonly mode: BufferMode;
  readonly #home: Home;
  #mapping: NativeMapping | null;
  #view: ArrayBuffer | null = null;
  #moved = false;

  constructor(facts: BufferFacts, mapping: NativeMapping, home: Home) {
    this.id = facts.id;
    this.size = facts.size;
    this.mode = facts.mode;
    this.#mapping = mapping;
    this.#home = home;
    watchForLeak(this, `SharedBuffer of ${facts.size} bytes (${facts.mode})`, MappedBuffer);
  }

  copyOut(start = 0, end = this.size): Buffer {
    checkRange(this.size, start, end);
    return Buffer.from(this.unsafeBytes().subarray(start, end));
  }

  copyInto(target: Uint8Array, start = 0): void {
    checkCopyOut(this.size, target, start);
    target.set(this.unsafeBytes().subarray(start, start + target.length));
  }

  copyIn(bytes: Uint8Array, at = 0): void {
    if (this.mode === 'read-only') throw new InvalidArgument('the buffer is read-only here');
    checkCopyIn(this.size, bytes, at);
    this.unsafeBytes().set(bytes, at);
  }

  unsafeBytes(): Uint8Array {
    const mapping = this.#held();
    this.#view ??= mapping.view(this.size);
    return new Uint8Array(this.#view);
  }

  unsafeLastingBytes(): Uint8Array {
    return new Uint8Array(this.#held().lasting(), 0, this.size);
  }

  close(): void {
    if (this.#mapping === null) return;
    this.#end();
    this.#home.closed();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Ends this handle; the memory is the caller's to pass on. */
  move(): number | null {
    this.#held();
    this.#moved = true;
    this.#end();
    return this.#home.moved();
  }

  #end(): void {
    this.#mapping = null;
    unwatch(this);
  }

  #held(): NativeMapping {
    if (this.#moved) throw new UseAfterMove('the SharedBuffer');
    if (this.#mapping === null) throw new ClosedError('the SharedBuffer is closed');
    return this.#mapping;
  }
}
