import { copyBytes } from '../bytes.js';
import { InvalidArgument, ProtocolError } from '../errors.js';
import { KiB, MiB } from '../units.js';
import { decodeUtf8, hasLoneSurrogate } from '../utf8.js';
import { Mismatch, shown } from './mismatch.js';
import type { Reader } from './reader.js';
import { makeType, type Type } from './type.js';
import type { Writer } from './writer.js';

/** Sizes of what has none of its own. Bytes, and counts for `items`. */
export const defaultMaxima = { string: 64 * KiB, bytes: MiB, items: 1024, value: 64 * KiB, proto: MiB } as const;

export interface Maximum {
  readonly max?: number;
}

/** Above this, one call into native code is cheaper than a look at each character. */
const SHORT = 40;
/** Smaller parts of a message are copied, so that they do not keep the whole of it. */
const WORTH_KEEPING = 4 * KiB;

/** @param options.max bytes of UTF-8. A lone surrogate, which has none, is refused. */
export function string({ max = defaultMaxima.string }: Maximum = {}): Type<string> {
  requireMaximum('string', max);
  return makeType<string>({
    text: () => `string(${max})`,
    least: 4,
    write(writer, value) {
      if (typeof value !== 'string') throw new Mismatch(`${shown(value)} is no string`);
      const { length } = value;
      if (length > max) throw tooLong(length, max);
      if (length <= SHORT && writeAscii(writer, value)) return;
      if (hasLoneSurrogate(value)) throw new Mismatch(`${shown(value)} has a lone surrogate, which has no UTF-8`);
      const size = Buffer.byteLength(value);
      if (size > max) throw tooLong(size, max);
      const at = writer.take(4 + size);
      writer.view.setUint32(at, size, true);
      writer.bytes.write(value, at + 4, size, 'utf8');
    },
    read(reader) {
      const size = reader.view.getUint32(reader.take(4), true);
      if (size > max) throw tooLong(size, max);
      const at = reader.take(size);
      try {
        return decodeUtf8(reader.bytes, at, at + size);
      } catch (error) {
        if (error instanceof ProtocolError) throw new Mismatch('its text is not valid UTF-8');
        throw error;
      }
    },
  });
}

function tooLong(size: number, max: number): Mismatch {
  return new Mismatch(`it has ${size} bytes and may have ${max}`);
}

/** False where the text has more than ASCII: what was written is then written over. */
function writeAscii(writer: Writer, text: string): boolean {
  const { length } = text;
  const at = writer.take(4 + length);
  const { bytes } = writer;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) {
      writer.at = at;
      return false;
    }
    bytes[at + 4 + index] = code;
  }
  writer.view.setUint32(at, length, true);
  return true;
}

/** Copied on both ways: the memory that arrives is nobody else's. */
export function bytes({ max = defaultMaxima.bytes }: Maximum = {}): Type<Uint8Array, Buffer> {
  requireMaximum('bytes', max);
  return makeType<Uint8Array, Buffer>({
    text: () => `bytes(${max})`,
    least: 4,
    write(writer, value) {
      if (!(value instanceof Uint8Array)) throw new Mismatch(`${shown(value)} is no Uint8Array`);
      writeBytes(writer, value, max);
    },
    read: (reader) => readBytes(reader, max),
  });
}

export function writeBytes(writer: Writer, value: Uint8Array, max: number): void {
  const bytes = plain(value);
  const { length } = bytes;
  if (length > max) throw tooLong(length, max);
  const at = writer.take(4);
  writer.view.setUint32(at, length, true);
  writer.put(bytes);
}

/** A class of somebody's may say that it is longer than it is: what follows would be read as something else. */
function plain(value: Uint8Array): Uint8Array {
  const kind = value.constructor;
  if (kind === Buffer || kind === Uint8Array) return value;
  return new Uint8Array(value.buffer, value.byteOffset, Reflect.get(Uint8Array.prototype, 'byteLength', value));
}

export function readBytes(reader: Reader, max: number): Buffer {
  const size = reader.view.getUint32(reader.take(4), true);
  if (size > max) throw tooLong(size, max);
  const at = reader.take(size);
  if (reader.owned && size >= WORTH_KEEPING) return reader.bytes.subarray(at, at + size);
  const copy = Buffer.allocUnsafe(size);
  copyBytes(reader.bytes, at, at + size, copy, 0);
  return copy;
}

export function requireMaximum(name: string, max: number): void {
  if (Number.isInteger(max) && max >= 1 && max <= 0x7fffffff) return;
  throw new InvalidArgument(`t.${name}: { max: ${String(max)} } is no whole number from 1 to ${0x7fffffff}`);
}
