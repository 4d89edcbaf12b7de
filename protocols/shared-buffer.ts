import { InvalidArgument, ProtocolError } from './errors.js';

/**
 * What the sandboxee may do with the memory: `read-only`, sealed so that it can never write; `writable`, which the broker
 * only ever copies out of; `unsafe`, the same memory, of which the broker may take a view while the sandboxee can write it.
 */
export type BufferMode = 'read-only' | 'writable' | 'unsafe';

/**
 * Memory that both sides can reach, made by the broker, of fixed size. It is owned by one side at a time: sending it *moves*
 * it, also when the send fails. Offsets and sizes are bytes.
 */
export interface SharedBuffer extends Disposable {
  readonly id: number;
  readonly size: number;
  readonly mode: BufferMode;
  /** A copy that nobody else can change. */
  copyOut(start?: number, end?: number): Buffer;
  /**
   * The same, into all of `target`, from `start` on. Of memory that is used again nothing has to be allocated and faulted in,
   * which is most of what a large copy costs.
   */
  copyInto(target: Uint8Array, start?: number): void;
  copyIn(bytes: Uint8Array, at?: number): void;
  /**
   * The memory itself, which the peer may change while it is looked at: nothing may be decided on it, and no decoder, regular
   * expression or text conversion may read it. Empty once the buffer is closed or moved.
   *
   * In the broker only for mode `unsafe`. In the sandboxee for all; writing to `read-only` memory kills the process.
   */
  unsafeBytes(): Uint8Array;
  /**
   * The same, but not taken away when the buffer is closed or moved: what it shows then is what the next owner does, on this side
   * too. For memory that goes to and fro, of which each use would need an ArrayBuffer of its own: V8 collects garbage for each of
   * 64 MiB or more, and that takes longer than to fill it. Empty once the memory is unmapped: when the channel ends, and
   * where more than is kept mapped is in use.
   */
  unsafeLastingBytes(): Uint8Array;
  close(): void;
}

/** What a frame says of the buffer that it carries. */
export interface BufferFacts {
  readonly id: number;
  readonly mode: BufferMode;
  readonly size: number;
}

/** A buffer that has arrived and that nobody has received yet. Exactly one of the two is called. */
export interface ArrivedBuffer {
  open(): SharedBuffer;
  discard(): void;
}

/** A buffer that leaves this side. */
export interface DepartingBuffer {
  /** A number of its own, for the transport to close; null where the other side keeps the memfd, and the id says it all. */
  readonly fd: number | null;
  readonly facts: BufferFacts;
}

/** What a sandboxee tells the broker of its buffers. */
export interface BufferNews {
  /** It lets go of a buffer without sending it. */
  released(id: number): void;
  /** It keeps the memfd: from now on the buffer crosses without. */
  kept(id: number): void;
}

/** One side's buffers. */
export interface BufferHome {
  /**
   * `fd` is owned from the call on, also when it throws: ProtocolError for what is no buffer that the peer may have. Null for
   * one that came by its id alone.
   */
  arrive(fd: number | null, facts: BufferFacts): ArrivedBuffer;
  /** Moves the buffer out. */
  depart(buffer: SharedBuffer): DepartingBuffer;
  /** A buffer that departed could not be sent after all. */
  lost(id: number): void;
  /** The broker's side: makes a buffer, or throws BufferQuota. */
  create?(size: number, mode: BufferMode): SharedBuffer;
  /** The broker's side. Throws ProtocolError for what the peer cannot say. */
  readonly told?: BufferNews;
  /** The sandboxee's side: whom to tell. */
  attach?(news: BufferNews): void;
  /** Bytes of shared memory that are mapped here; beyond the limit, only those of open buffers. */
  readonly mapped: { readonly used: number; readonly limit: number };
  /** The channel has ended. Buffers that are held stay usable. */
  close(): void;
}

const modes: readonly BufferMode[] = ['read-only', 'writable', 'unsafe'];

export function modeNumber(mode: BufferMode): number {
  const number = modes.indexOf(mode);
  if (number < 0) throw new InvalidArgument(`mode ${JSON.stringify(mode)}: use ${modes.join(', ')}`);
  return number;
}

export function modeOf(number: number): BufferMode {
  const mode = modes[number];
  if (mode === undefined) throw new ProtocolError(`the peer named buffer mode ${number}, which does not exist`);
  return mode;
}

/** Throws unless there can be a buffer of so many bytes in this mode. */
export function checkBuffer(size: number, mode: BufferMode): void {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new InvalidArgument(`a buffer of ${size} bytes: use a whole number from 1`);
  }
  modeNumber(mode);
}

/** Throws unless `bytes` fit at `at`. */
export function checkCopyIn(size: number, bytes: Uint8Array, at: number): void {
  if (!Number.isInteger(at) || at < 0 || bytes.length > size - at) {
    throw new InvalidArgument(`${bytes.length} bytes at ${at} do not fit a buffer of ${size}`);
  }
}

/** Throws unless `target` can be filled from `start` on. */
export function checkCopyOut(size: number, target: Uint8Array, start: number): void {
  if (!(target instanceof Uint8Array)) throw new InvalidArgument('copyInto(): give it a Uint8Array');
  checkRange(size, start, start + target.length);
}

export function checkRange(size: number, start: number, end: number): void {
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > size) {
    throw new InvalidArgument(`[${start}, ${end}) is no part of a buffer of ${size} bytes`);
  }
}
