import { InvalidArgument, ProtocolError } from '../errors.js';
import { defaultLimits } from '../limits.js';
import type { AnyType } from './containers.js';
import type { IncomingHandles } from './handles.js';
import { Mismatch } from './mismatch.js';
import { Reader } from './reader.js';
import type { Type } from './type.js';
import { Writer } from './writer.js';

/**
 * Writes one value. On failure nothing is moved, and what the value carries is closed.
 *
 * @param what it is, for an error, and `of` whose: put together where there is one
 */
export function writeMessage(type: AnyType, writer: Writer, value: unknown, what: string, of = ''): void {
  try {
    type.write(writer, value);
  } catch (error) {
    type.drop?.(value);
    if (error instanceof Mismatch) throw new InvalidArgument(`${what}${of}: ${error.explanation}`);
    throw error;
  }
}

/**
 * Reads exactly one value, all of the message, with all that came with it. Throws ProtocolError, and has then closed what
 * came with it.
 */
export function readMessage<Out>(type: Type<unknown, Out>, reader: Reader, what: string, of = ''): Out {
  const { handles } = reader;
  try {
    const value = type.read(reader);
    if (reader.at !== reader.end) throw new Mismatch(`${reader.end - reader.at} bytes follow it`);
    handles?.finish();
    return value;
  } catch (error) {
    handles?.discard();
    const why = error instanceof Mismatch ? error.explanation : error instanceof Error ? error.message : String(error);
    throw new ProtocolError(`the peer sent ${what}${of} that is refused: ${why}`, { cause: error });
  } finally {
    reader.close();
  }
}

/** One value of a type as bytes, where there are no fds, buffers or remotes. */
export function encode<In>(type: Type<In, unknown>, value: In, max: number = defaultLimits.maxMessage): Buffer {
  const writer = new Writer(max);
  writeMessage(type, writer, value, 'the value');
  if (writer.handles.isEmpty) return writer.written;
  type.drop?.(value);
  throw new InvalidArgument('fds, buffers and remotes are carried by calls alone');
}

/** @param handles what came with the bytes; owned */
export function decode<Out>(
  type: Type<never, Out> | Type<unknown, Out>,
  bytes: Uint8Array,
  handles: IncomingHandles | null = null,
): Out {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = new Reader();
  reader.open(buffer, 0, buffer.length, false, handles);
  return readMessage(type as Type<unknown, Out>, reader, 'a value');
}
