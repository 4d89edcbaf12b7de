import { ProtocolError } from './errors.js';
import { type BufferFacts, type BufferMode, modeNumber, modeOf } from './shared-buffer.js';

/**
 * Payloads of the buffer frames, little-endian.
 *
 *   SharedBuffer   {u32 id, u32 mode, u64 size} + fd
 *   BufferRequest  {u32 request, u32 mode, u64 size}
 *   BufferGrant    {u32 request, u32 id, u32 mode, u64 size} + fd
 *   BufferRefusal  {u32 request, u32 reason, u64 available}
 *   BufferRelease  {u32 id}
 *   BufferKept     {u32 id}
 *
 * SharedBufferById, AttachBufferById and BufferGrantById are the same as those with an fd, and have none.
 */
export interface BufferRequest {
  readonly request: number;
  readonly mode: BufferMode;
  readonly size: number;
}

export const Refusal = { Quota: 0, Failed: 1 } as const;

export interface BufferRefusal {
  readonly request: number;
  readonly reason: number;
  /** Bytes that a request could still get. */
  readonly available: number;
}

export function encodeFacts({ id, mode, size }: BufferFacts): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  writeFacts(bytes, 0, { id, mode, size });
  return bytes;
}

export function encodeGrant(request: number, facts: BufferFacts): Buffer {
  const bytes = Buffer.allocUnsafe(20);
  bytes.writeUInt32LE(request, 0);
  writeFacts(bytes, 4, facts);
  return bytes;
}

export function encodeRequest({ request, mode, size }: BufferRequest): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  writeFacts(bytes, 0, { id: request, mode, size });
  return bytes;
}

export function encodeRefusal({ request, reason, available }: BufferRefusal): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUInt32LE(request, 0);
  bytes.writeUInt32LE(reason, 4);
  bytes.writeBigUInt64LE(BigInt(available), 8);
  return bytes;
}

/** Of a BufferRelease, or a BufferKept. */
export function encodeId(id: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(id, 0);
  return bytes;
}

export function decodeFacts(bytes: Buffer, at: number): BufferFacts {
  return { id: bytes.readUInt32LE(at), mode: modeOf(bytes.readUInt32LE(at + 4)), size: readSize(bytes, at + 8) };
}

export function decodeRequest(bytes: Buffer, at: number): BufferRequest {
  const { id, mode, size } = decodeFacts(bytes, at);
  return { request: id, mode, size };
}

export function decodeRefusal(bytes: Buffer, at: number): BufferRefusal {
  return {
    request: bytes.readUInt32LE(at),
    reason: bytes.readUInt32LE(at + 4),
    available: Number(bytes.readBigUInt64LE(at + 8)),
  };
}

function writeFacts(bytes: Buffer, at: number, { id, mode, size }: BufferFacts): void {
  bytes.writeUInt32LE(id, at);
  bytes.writeUInt32LE(modeNumber(mode), at + 4);
  bytes.writeBigUInt64LE(BigInt(size), at + 8);
}

function readSize(bytes: Buffer, at: number): number {
  const size = bytes.readBigUInt64LE(at);
  if (size === 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ProtocolError(`the peer named a buffer of ${size} bytes`);
  }
  return Number(size);
}
