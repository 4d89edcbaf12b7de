import type { Codec } from './codec.js';
import { InvalidArgument, ProtocolError } from './errors.js';
import { Tag } from './tags.js';

interface Layout<T> {
  readonly tag: number;
  readonly size: number;
  readonly min: T;
  readonly max: T;
  write(bytes: Buffer, value: T, at: number): void;
  read(bytes: Buffer, at: number): T;
}

export const int8 = integer({
  tag: Tag.Int8,
  size: 1,
  min: -0x80,
  max: 0x7f,
  write: (bytes, value, at) => bytes.writeInt8(value, at),
  read: (bytes, at) => bytes.readInt8(at),
});

export const uint8 = integer({
  tag: Tag.Uint8,
  size: 1,
  min: 0,
  max: 0xff,
  write: (bytes, value, at) => bytes.writeUInt8(value, at),
  read: (bytes, at) => bytes.readUInt8(at),
});

export const int16 = integer({
  tag: Tag.Int16,
  size: 2,
  min: -0x8000,
  max: 0x7fff,
  write: (bytes, value, at) => bytes.writeInt16LE(value, at),
  read: (bytes, at) => bytes.readInt16LE(at),
});

export const uint16 = integer({
  tag: Tag.Uint16,
  size: 2,
  min: 0,
  max: 0xffff,
  write: (bytes, value, at) => bytes.writeUInt16LE(value, at),
  read: (bytes, at) => bytes.readUInt16LE(at),
});

export const int32 = integer({
  tag: Tag.Int32,
  size: 4,
  min: -0x80000000,
  max: 0x7fffffff,
  write: (bytes, value, at) => bytes.writeInt32LE(value, at),
  read: (bytes, at) => bytes.readInt32LE(at),
});

export const uint32 = integer({
  tag: Tag.Uint32,
  size: 4,
  min: 0,
  max: 0xffffffff,
  write: (bytes, value, at) => bytes.writeUInt32LE(value, at),
  read: (bytes, at) => bytes.readUInt32LE(at),
});

export const int64 = bigInteger({
  tag: Tag.Int64,
  size: 8,
  min: -(2n ** 63n),
  max: 2n ** 63n - 1n,
  write: (bytes, value, at) => bytes.writeBigInt64LE(value, at),
  read: (bytes, at) => bytes.readBigInt64LE(at),
});

export const uint64 = bigInteger({
  tag: Tag.Uint64,
  size: 8,
  min: 0n,
  max: 2n ** 64n - 1n,
  write: (bytes, value, at) => bytes.writeBigUInt64LE(value, at),
  read: (bytes, at) => bytes.readBigUInt64LE(at),
});

export const bool: Codec<boolean> = {
  tag: Tag.Bool,
  encode(out, value) {
    if (typeof value !== 'boolean') throw new InvalidArgument(`${String(value)} is no boolean`);
    const at = out.begin(Tag.Bool, 1);
    out.bytes[at] = value ? 1 : 0;
  },
  decode(frame) {
    const byte = frame.bytes[frame.start];
    if (byte === 1) return true;
    if (byte === 0) return false;
    throw new ProtocolError(`the peer sent the byte ${byte} as a Bool`);
  },
};

function integer(layout: Layout<number>): Codec<number> {
  const { tag, size, min, max, write, read } = layout;
  return {
    tag,
    encode(out, value) {
      if (!Number.isInteger(value) || value < min || value > max) throw outOfRange(value, layout);
      write(out.bytes, value, out.begin(tag, size));
    },
    decode: (frame) => read(frame.bytes, frame.start),
  };
}

function bigInteger(layout: Layout<bigint>): Codec<bigint> {
  const { tag, size, min, max, write, read } = layout;
  return {
    tag,
    encode(out, value) {
      if (typeof value !== 'bigint' || value < min || value > max) throw outOfRange(value, layout);
      write(out.bytes, value, out.begin(tag, size));
    },
    decode: (frame) => read(frame.bytes, frame.start),
  };
}

function outOfRange<T extends number | bigint>(value: T, { min, max }: Layout<T>): InvalidArgument {
  const wanted = typeof min === 'bigint' ? 'a bigint' : 'an integer';
  return new InvalidArgument(`${String(value)} (${typeof value}) is not ${wanted} from ${min} to ${max}`);
}
