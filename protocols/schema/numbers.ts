import { InvalidArgument } from '../errors.js';
import { Mismatch, shown } from './mismatch.js';
import type { Reader } from './reader.js';
import { makeType, type Type } from './type.js';
import type { Writer } from './writer.js';

export interface Range<T> {
  readonly min?: T;
  readonly max?: T;
}

export interface FloatOptions extends Range<number> {
  /** Take NaN and the infinities as well. NaN arrives as the one NaN that JavaScript has. */
  readonly nonFinite?: boolean;
}

type IntegerSize = 1 | 2 | 4;

interface Accessor<T> {
  readonly set: (view: DataView, at: number, value: T) => void;
  readonly get: (view: DataView, at: number) => T;
}

export const bool: Type<boolean> = makeType<boolean>({
  text: () => 'bool',
  least: 1,
  write(writer, value) {
    if (typeof value !== 'boolean') throw new Mismatch(`${shown(value)} is no boolean`);
    writer.byte(value ? 1 : 0);
  },
  read: readFlag,
});

/** A byte that is 0 or 1. */
export function readFlag(reader: Reader): boolean {
  const byte = reader.bytes[reader.take(1)];
  if (byte === 1) return true;
  if (byte === 0) return false;
  throw new Mismatch(`the byte ${byte} is neither 0 nor 1`);
}

export const int8 = integer('int8', 1, true, { set: (v, at, n) => v.setInt8(at, n), get: (v, at) => v.getInt8(at) });
export const uint8 = integer('uint8', 1, false, {
  set: (v, at, n) => v.setUint8(at, n),
  get: (v, at) => v.getUint8(at),
});
export const int16 = integer('int16', 2, true, {
  set: (v, at, n) => v.setInt16(at, n, true),
  get: (v, at) => v.getInt16(at, true),
});
export const uint16 = integer('uint16', 2, false, {
  set: (v, at, n) => v.setUint16(at, n, true),
  get: (v, at) => v.getUint16(at, true),
});
export const int32 = integer('int32', 4, true, {
  set: (v, at, n) => v.setInt32(at, n, true),
  get: (v, at) => v.getInt32(at, true),
});
export const uint32 = integer('uint32', 4, false, {
  set: (v, at, n) => v.setUint32(at, n, true),
  get: (v, at) => v.getUint32(at, true),
});
export const int64 = bigInteger('int64', -(2n ** 63n), 2n ** 63n - 1n, {
  set: (v, at, n) => v.setBigInt64(at, n, true),
  get: (v, at) => v.getBigInt64(at, true),
});
export const uint64 = bigInteger('uint64', 0n, 2n ** 64n - 1n, {
  set: (v, at, n) => v.setBigUint64(at, n, true),
  get: (v, at) => v.getBigUint64(at, true),
});

/** Finite unless `nonFinite`. -0 arrives as -0. */
export function float64(options: FloatOptions = {}): Type<number> {
  const { min = -Infinity, max = Infinity, nonFinite = false } = options;
  requireRange('float64', min, max, -Infinity, Infinity, Number.isNaN(min) || Number.isNaN(max));
  const check = (value: number): number => {
    if (value >= min && value <= max && (nonFinite || Number.isFinite(value))) return value;
    if (nonFinite && Number.isNaN(value)) return value;
    const finite = nonFinite ? '' : ' finite';
    throw new Mismatch(`${shown(value)} is not a${finite} number from ${min} to ${max}`);
  };
  return makeType<number>({
    text: () => `float64${rangeText(options.min, options.max)}${nonFinite ? ' with NaN' : ''}`,
    least: 8,
    write(writer, value) {
      if (typeof value !== 'number') throw new Mismatch(`${shown(value)} is no number`);
      const checked = check(value);
      const at = writer.take(8);
      writer.view.setFloat64(at, checked, true);
    },
    read: (reader) => check(reader.view.getFloat64(reader.take(8), true)),
  });
}

/** -0 is given as an integer and arrives as 0. */
function integer(name: string, size: IntegerSize, signed: boolean, { set, get }: Accessor<number>) {
  const span = 2 ** (8 * size);
  const least = signed ? -span / 2 : 0;
  const most = least + span - 1;
  return (options: Range<number> = {}): Type<number> => {
    const { min = least, max = most } = options;
    requireRange(name, min, max, least, most, !Number.isInteger(min) || !Number.isInteger(max));
    const refuse = (value: unknown) => new Mismatch(`${shown(value)} is not an integer from ${min} to ${max}`);
    return makeType<number>({
      text: () => `${name}${rangeText(options.min, options.max)}`,
      least: size,
      write(writer: Writer, value: unknown) {
        if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) throw refuse(value);
        const at = writer.take(size);
        set(writer.view, at, value);
      },
      read(reader: Reader) {
        const value = get(reader.view, reader.take(size));
        if (value < min || value > max) throw refuse(value);
        return value;
      },
    });
  };
}

function bigInteger(name: string, least: bigint, most: bigint, { set, get }: Accessor<bigint>) {
  return (options: Range<bigint> = {}): Type<bigint> => {
    const { min = least, max = most } = options;
    requireRange(name, min, max, least, most, typeof min !== 'bigint' || typeof max !== 'bigint');
    const refuse = (value: unknown) => new Mismatch(`${shown(value)} is not a bigint from ${min} to ${max}`);
    return makeType<bigint>({
      text: () => `${name}${rangeText(options.min, options.max)}`,
      least: 8,
      write(writer: Writer, value: unknown) {
        if (typeof value !== 'bigint' || value < min || value > max) throw refuse(value);
        const at = writer.take(8);
        set(writer.view, at, value);
      },
      read(reader: Reader) {
        const value = get(reader.view, reader.take(8));
        if (value < min || value > max) throw refuse(value);
        return value;
      },
    });
  };
}

function requireRange<T extends number | bigint>(
  name: string,
  min: T,
  max: T,
  least: T,
  most: T,
  isOdd: boolean,
): void {
  if (!isOdd && min >= least && max <= most && min <= max) return;
  throw new InvalidArgument(`t.${name}: from ${String(min)} to ${String(max)} is no range of a ${name}`);
}

function rangeText(min: number | bigint | undefined, max: number | bigint | undefined): string {
  if (min === undefined && max === undefined) return '';
  return `(${min ?? ''}..${max ?? ''})`;
}
