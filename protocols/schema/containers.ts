import { InvalidArgument } from '../errors.js';
import { Mismatch, shown, within } from './mismatch.js';
import { readFlag } from './numbers.js';
import type { Reader } from './reader.js';
import { type Drop, type Infer, type InferInput, makeType, type Optional, type Type, type Write } from './type.js';
import { defaultMaxima, type Maximum, requireMaximum } from './variable.js';
import type { Writer } from './writer.js';

export type AnyType = Type<unknown, unknown>;
export type Fields = Readonly<Record<string, AnyType>>;

type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K] extends Optional ? K : never }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };

/** What may be given for a record. */
export type FieldsIn<F extends Fields> = Flat<
  { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: InferInput<F[K]> } & {
    readonly [K in OptionalKeys<F>]?: InferInput<F[K]>;
  }
>;

/** What a record is where it arrives. */
export type FieldsOut<F extends Fields> = Flat<
  { [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & { [K in OptionalKeys<F>]?: Infer<F[K]> }
>;

interface Field {
  readonly key: string;
  readonly isOptional: boolean;
  readonly write: Write;
  readonly read: (reader: Reader) => unknown;
  readonly drop: Drop | null;
}

/** Fields in the order of their declaration. Keys that it does not name are not sent. */
export function record<const F extends Fields>(fields: F): Type<FieldsIn<F>, FieldsOut<F>> {
  const types = Object.entries(fields);
  for (const [name, type] of types) requireField(name, type);
  const list: readonly Field[] = types.map(([key, type]) => ({
    key,
    isOptional: 'isOptional' in type,
    write: type.write,
    read: type.read,
    drop: type.drop,
  }));
  return makeType<FieldsIn<F>, FieldsOut<F>>({
    text: () => `{${types.map(([name, type]) => `${name}: ${type.text()}`).join(', ')}}`,
    least: types.reduce((sum, [, { least }]) => sum + least, 0),
    write: (writer, value) => writeFields(writer, value, list),
    read: (reader) => readFields(reader, list, {}) as FieldsOut<F>,
    drop: dropOfFields(list),
    interfaces: types.flatMap(([, { interfaces }]) => interfaces),
  });
}

function writeFields(writer: Writer, value: unknown, fields: readonly Field[]): void {
  const source = requireObject(value);
  let key = '';
  try {
    for (const field of fields) {
      key = field.key;
      field.write(writer, source[key]);
    }
  } catch (error) {
    throw within(error, key);
  }
}

function readFields(
  reader: Reader,
  fields: readonly Field[],
  target: Record<string, unknown>,
): Record<string, unknown> {
  let key = '';
  try {
    for (const field of fields) {
      key = field.key;
      const value = field.read(reader);
      if (value !== undefined || !field.isOptional) target[key] = value;
    }
  } catch (error) {
    throw within(error, key);
  }
  return target;
}

function dropOfFields(fields: readonly Field[]): Drop | null {
  const carrying = fields.filter(({ drop }) => drop !== null);
  if (carrying.length === 0) return null;
  return (value) => {
    if (typeof value !== 'object' || value === null) return;
    for (const { key, drop } of carrying) drop?.(Reflect.get(value, key));
  };
}

function requireObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Mismatch(`${Array.isArray(value) ? 'an array' : shown(value)} is no object`);
  }
  return value as Record<string, unknown>;
}

/** `then` would make a promise of what is awaited; what Object.prototype has would be shadowed, or set the prototype. */
export function requireName(name: string, what: string): void {
  if (/^[A-Za-z_$][\w$]*$/.test(name) && name !== 'then' && !(name in Object.prototype)) return;
  throw new InvalidArgument(`${JSON.stringify(name)} cannot be the name of a ${what}: use letters, digits and _`);
}

export function requireType(type: unknown, where: string): void {
  if (typeof type === 'object' && type !== null && 'write' in type && 'read' in type) return;
  throw new InvalidArgument(`${where} is no type: use one of t, such as t.string()`);
}

function requireField(name: string, type: AnyType): void {
  requireName(name, 'field');
  requireType(type, `the field ${name}`);
}

export function isOptional(type: AnyType): type is Optional {
  return 'isOptional' in type;
}

/** For a field of a record. Absent and undefined are the same, and arrive as absent. */
export function optional<In, Out>(type: Type<In, Out>): Optional<In, Out> {
  requireType(type, 't.optional()');
  if (isOptional(type)) throw new InvalidArgument('t.optional(t.optional(…)): once is enough');
  const { write, read, drop } = type;
  const made = makeType<In | undefined, Out | undefined>({
    text: () => `${type.text()}?`,
    least: 1,
    write(writer, value) {
      writer.byte(value === undefined ? 0 : 1);
      if (value !== undefined) write(writer, value);
    },
    read: (reader) => (readFlag(reader) ? read(reader) : undefined),
    drop: drop && ((value) => value !== undefined && drop(value)),
    interfaces: type.interfaces,
  });
  return Object.freeze({ ...made, isOptional: true });
}

/** @param options.max items */
export function array<In, Out>(
  item: Type<In, Out>,
  { max = defaultMaxima.items }: Maximum = {},
): Type<readonly In[], Out[]> {
  requireMaximum('array', max);
  requireItem(item, 't.array()');
  const { write, read, drop, least } = item;
  return makeType<readonly In[], Out[]>({
    text: () => `[${item.text()}; ${max}]`,
    least: 4,
    write(writer, value) {
      if (!Array.isArray(value)) throw new Mismatch(`${shown(value)} is no array`);
      const count = value.length;
      writeCount(writer, count, max);
      let index = 0;
      try {
        for (; index < count; index++) write(writer, value[index]);
      } catch (error) {
        throw within(error, index);
      }
    },
    read(reader) {
      const count = readCount(reader, least, max);
      const items: Out[] = [];
      try {
        while (items.length < count) items.push(read(reader));
      } catch (error) {
        throw within(error, items.length);
      }
      return items;
    },
    drop:
      drop &&
      ((value) => {
        if (Array.isArray(value)) for (const each of value) drop(each);
      }),
    interfaces: item.interfaces,
  });
}

/** A Map; the order of its entries is kept, and a key that comes twice is refused. */
export function map<K extends string | number | bigint, In, Out>(
  key: Type<K>,
  value: Type<In, Out>,
  { max = defaultMaxima.items }: Maximum = {},
): Type<ReadonlyMap<K, In>, Map<K, Out>> {
  requireMaximum('map', max);
  requireItem(key, 'the key of t.map()');
  requireItem(value, 'the value of t.map()');
  const { drop } = value;
  const least = key.least + value.least;
  return makeType<ReadonlyMap<K, In>, Map<K, Out>>({
    text: () => `map<${key.text()}, ${value.text()}; ${max}>`,
    least: 4,
    write(writer, given) {
      if (!(given instanceof Map)) throw new Mismatch(`${shown(given)} is no Map`);
      writeCount(writer, given.size, max);
      let at: unknown;
      try {
        for (const [name, item] of given) {
          at = name;
          key.write(writer, name);
          value.write(writer, item);
        }
      } catch (error) {
        throw within(error, String(at));
      }
    },
    read(reader) {
      const count = readCount(reader, least, max);
      const entries = new Map<K, Out>();
      for (let index = 0; index < count; index++) {
        try {
          const name = key.read(reader);
          if (entries.has(name)) throw new Mismatch(`the key ${shown(name)} comes twice`);
          entries.set(name, value.read(reader));
        } catch (error) {
          throw within(error, index);
        }
      }
      return entries;
    },
    drop:
      drop &&
      ((given) => {
        if (given instanceof Map) for (const item of given.values()) drop(item);
      }),
    interfaces: value.interfaces,
  });
}

/** A count of items that take no bytes would let a peer name any number of them. */
function requireItem(type: AnyType, where: string): void {
  requireType(type, where);
  if (type.least === 0) throw new InvalidArgument(`${where} takes no bytes: a list of these is only a number`);
  if (isOptional(type)) throw new InvalidArgument(`${where}: t.optional() is for the fields of records`);
}

function writeCount(writer: Writer, count: number, max: number): void {
  if (count > max) throw new Mismatch(`it has ${count} items and may have ${max}`);
  const at = writer.take(4);
  writer.view.setUint32(at, count, true);
}

function readCount(reader: Reader, least: number, max: number): number {
  const count = reader.view.getUint32(reader.take(4), true);
  if (count > max) throw new Mismatch(`it has ${count} items and may have ${max}`);
  if (count * least > reader.end - reader.at) throw new Mismatch(`the message is cut short: it has no ${count} items`);
  return count;
}
