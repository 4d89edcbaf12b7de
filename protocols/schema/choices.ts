import { InvalidArgument } from '../errors.js';
import { type Fields, type FieldsIn, type FieldsOut, record, requireName } from './containers.js';
import { Mismatch, shown } from './mismatch.js';
import type { Reader } from './reader.js';
import { makeType, type Type } from './type.js';
import type { Writer } from './writer.js';

const MOST = 256;

export type Literal = string | number | boolean | null;

/** The one value. It takes no bytes. */
export function literal<const L extends Literal>(value: L): Type<L> {
  if (value !== null && !['string', 'number', 'boolean'].includes(typeof value)) {
    throw new InvalidArgument('t.literal(): use a string, a number, a boolean or null');
  }
  return makeType<L>({
    text: () => JSON.stringify(value),
    least: 0,
    write(_writer, given) {
      if (given !== value) throw new Mismatch(`${shown(given)} is not ${JSON.stringify(value)}`);
    },
    read: () => value,
  });
}

/** One of these strings. */
export function oneOf<const L extends string>(values: readonly L[]): Type<L> {
  const indexes = new Map<unknown, number>(values.map((value, index) => [value, index]));
  if (values.length === 0 || values.length > MOST || indexes.size !== values.length) {
    throw new InvalidArgument(`t.enum(): from 1 to ${MOST} strings, none twice`);
  }
  const listed = values.map((value) => JSON.stringify(value)).join(', ');
  return makeType<L>({
    text: () => `enum(${listed})`,
    least: 1,
    write(writer, given) {
      const index = indexes.get(given);
      if (index === undefined) throw new Mismatch(`${shown(given)} is none of ${listed}`);
      writer.byte(index);
    },
    read(reader) {
      const index = reader.bytes[reader.take(1)] ?? MOST;
      const value = values[index];
      if (value === undefined) throw new Mismatch(`choice ${index} does not exist: there are ${values.length}`);
      return value;
    },
  });
}

export type Variants = Readonly<Record<string, Fields>>;

type Flat<T> = { [K in keyof T]: T[K] };
export type UnionIn<D extends string, V extends Variants> = {
  [K in keyof V]: Flat<{ readonly [P in D]: K } & FieldsIn<V[K]>>;
}[keyof V];
export type UnionOut<D extends string, V extends Variants> = {
  [K in keyof V]: Flat<{ [P in D]: K } & FieldsOut<V[K]>>;
}[keyof V];

/** Objects that are told apart by a field: `t.union('kind', { circle: { radius: t.float64() }, nothing: {} })`. */
export function union<const D extends string, const V extends Variants>(
  discriminant: D,
  variants: V,
): Type<UnionIn<D, V>, UnionOut<D, V>> {
  requireName(discriminant, 'field');
  const names = Object.keys(variants);
  if (names.length === 0 || names.length > MOST) throw new InvalidArgument(`t.union(): from 1 to ${MOST} variants`);
  const list = Object.entries(variants).map(([name, fields]) => {
    requireName(name, 'variant');
    if (discriminant in fields)
      throw new InvalidArgument(`t.union(): ${name}.${discriminant} is what tells variants apart`);
    return { name, type: record(fields) };
  });
  const indexes = new Map<unknown, number>(list.map(({ name }, index) => [name, index]));
  const listed = names.join(', ');
  const find = (value: unknown) => {
    if (typeof value !== 'object' || value === null) throw new Mismatch(`${shown(value)} is no object`);
    const name: unknown = Reflect.get(value, discriminant);
    const index = indexes.get(name);
    if (index === undefined) throw new Mismatch(`its ${discriminant} ${shown(name)} is none of ${listed}`);
    return index;
  };
  return makeType<UnionIn<D, V>, UnionOut<D, V>>({
    text: () => `union ${discriminant} ${list.map(({ name, type }) => `${name} ${type.text()}`).join(' | ')}`,
    least: 1 + Math.min(...list.map(({ type }) => type.least)),
    write(writer: Writer, value: unknown) {
      const index = find(value);
      writer.byte(index);
      list[index]?.type.write(writer, value);
    },
    read(reader: Reader) {
      const index = reader.bytes[reader.take(1)] ?? MOST;
      const variant = list[index];
      if (variant === undefined) throw new Mismatch(`variant ${index} does not exist: there are ${list.length}`);
      return { [discriminant]: variant.name, ...variant.type.read(reader) } as UnionOut<D, V>;
    },
    drop: list.some(({ type }) => type.drop !== null)
      ? (value) => {
          if (typeof value !== 'object' || value === null) return;
          const index = indexes.get(Reflect.get(value, discriminant));
          // Of a value whose variant is unknown, whatever any variant would move is closed.
          for (const { type } of index === undefined ? list : list.slice(index, index + 1)) type.drop?.(value);
        }
      : null,
    interfaces: list.flatMap(({ type }) => type.interfaces),
  });
}
