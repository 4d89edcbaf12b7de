/**
 * The shapes that a document is made of. Each reads a value and tells where it is wrong, and each knows the JSON Schema
 * of what it reads, so that the two cannot differ.
 */
import type { PolicyProblem } from '../errors.js';
import type { Architecture } from '../syscalls/index.js';
import type { JsonObject } from './json.js';

/** One reading of one document: what its numbers mean depends on the architecture. */
export class Reading {
  readonly arch: Architecture;
  readonly problems: PolicyProblem[] = [];
  /** How deep the shapes that contain themselves are nested. */
  depth = 0;

  constructor(arch: Architecture) {
    this.arch = arch;
  }

  /** Notes what is wrong at a path, and reads as nothing. */
  fail(path: string, message: string): undefined {
    this.problems.push({ call: path === '' ? '/' : path, message });
  }
}

export interface Shape<T> {
  /** What would be right: `a list of syscalls`. */
  readonly expected: string;
  readonly schema: JsonObject;
  /** `undefined`: it is something else, and the reading knows why. */
  read(value: unknown, path: string, reading: Reading): T | undefined;
}

export type Read<S> = S extends Shape<infer T> ? T : never;

export function text(expected: string, schema: JsonObject = {}): Shape<string> {
  return {
    expected,
    schema: { type: 'string', ...schema },
    read: (value, path, reading) => (typeof value === 'string' ? value : reading.fail(path, wrong(value, expected))),
  };
}

export const flag: Shape<boolean> = {
  expected: 'true or false',
  schema: { type: 'boolean' },
  read: (value, path, reading) =>
    typeof value === 'boolean' ? value : reading.fail(path, wrong(value, flag.expected)),
};

/** One of some strings. `many`: what to call them where they are too many to list. */
export function oneOf<const T extends string>(values: readonly T[], many?: string): Shape<T> {
  const expected = many ?? values.map((value) => `"${value}"`).join(' or ');
  return {
    expected,
    schema: { enum: values },
    read(value, path, reading) {
      const found = values.find((each) => each === value);
      return found ?? reading.fail(path, `${wrong(value, expected)}${nearest(value, values)}`);
    },
  };
}

/** The same text, read as something else; what `convert` throws as a RangeError is what is wrong. */
export function converted<From, To>(shape: Shape<From>, convert: (value: From, reading: Reading) => To): Shape<To> {
  return {
    ...shape,
    read(value, path, reading) {
      const read = shape.read(value, path, reading);
      if (read === undefined) return undefined;
      try {
        return convert(read, reading);
      } catch (error) {
        if (error instanceof RangeError) return reading.fail(path, error.message);
        throw error;
      }
    },
  };
}

export function list<T>(item: Shape<T>, expected: string, least = 0): Shape<readonly T[]> {
  return {
    expected,
    schema: { type: 'array', items: item.schema, ...(least > 0 ? { minItems: least } : {}) },
    read(value, path, reading) {
      if (!Array.isArray(value) || value.length < least) return reading.fail(path, wrong(value, expected));
      const read = value.map((each: unknown, index) => item.read(each, `${path}/${index}`, reading));
      const sound = read.filter((each) => each !== undefined);
      return sound.length === read.length ? sound : undefined;
    },
  };
}

/** A shape that a key has to have, or may have. */
export interface Field<T, Optional extends boolean = boolean> {
  readonly shape: Shape<T>;
  readonly optional: Optional;
}

export function required<T>(shape: Shape<T>): Field<T, false> {
  return { shape, optional: false };
}

export function optional<T>(shape: Shape<T>): Field<T, true> {
  return { shape, optional: true };
}

type Fields = Readonly<Record<string, Field<unknown>>>;

type Member<F> = F extends Field<infer T, infer Optional> ? (Optional extends true ? T | undefined : T) : never;

export type Members<F extends Fields> = { readonly [Key in keyof F]: Member<F[Key]> };

/** No key but these. An optional key that is absent reads as `undefined`. */
export function object<const F extends Fields>(expected: string, fields: F): Shape<Members<F>> {
  const names = Object.keys(fields);
  return {
    expected,
    schema: {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, fields[name]?.shape.schema ?? {}])),
      required: names.filter((name) => fields[name]?.optional === false),
      additionalProperties: false,
    },
    read(value, path, reading) {
      if (!isObject(value)) return reading.fail(path, wrong(value, expected));
      const before = reading.problems.length;
      for (const key of Object.keys(value).filter((name) => !names.includes(name))) {
        reading.fail(`${path}/${escapeKey(key)}`, `there is no such key; ${expected} has ${names.join(', ')}`);
      }
      const members = names.map((name) => [name, readField(value, name, fields[name], path, reading)]);
      return reading.problems.length === before ? (Object.fromEntries(members) as Members<F>) : undefined;
    },
  };
}

function readField(
  value: Readonly<Record<string, unknown>>,
  name: string,
  field: Field<unknown> | undefined,
  path: string,
  reading: Reading,
): unknown {
  if (Object.hasOwn(value, name)) return field?.shape.read(value[name], `${path}/${name}`, reading);
  if (field?.optional === false) reading.fail(path, `the key "${name}" is missing: it is ${field.shape.expected}`);
  return undefined;
}

/** The key by which `byKey` knows a word. */
export function call<const Name extends string>(name: Name) {
  return required(oneOf([name]));
}

/** Objects by the shape that the value of one key says: `{"call": "allowSyscall", …}`. */
export function byKey<T>(key: string, expected: string, cases: Readonly<Record<string, Shape<T>>>): Shape<T> {
  const name = oneOf(Object.keys(cases), `one of ${Object.keys(cases).join(', ')}`);
  return {
    expected,
    schema: anyOf(Object.values(cases)),
    read(value, path, reading) {
      if (!isObject(value)) return reading.fail(path, wrong(value, expected));
      if (!Object.hasOwn(value, key)) return reading.fail(path, `the key "${key}" is missing: it is ${name.expected}`);
      const found = name.read(value[key], `${path}/${key}`, reading);
      return found === undefined ? undefined : cases[found]?.read(value, path, reading);
    },
  };
}

/** Strings by one shape, objects by the one that belongs to a key which they have. */
export function byForm<T>(
  expected: string,
  { string, objects }: { readonly string?: Shape<T>; readonly objects: Readonly<Record<string, Shape<T>>> },
): Shape<T> {
  const keys = Object.keys(objects);
  return {
    expected,
    schema: anyOf([...(string === undefined ? [] : [string]), ...Object.values(objects)]),
    read(value, path, reading) {
      if (typeof value === 'string' && string !== undefined) return string.read(value, path, reading);
      if (!isObject(value)) return reading.fail(path, wrong(value, expected));
      const key = keys.find((each) => Object.hasOwn(value, each));
      const shape = key === undefined ? undefined : objects[key];
      return shape === undefined ? reading.fail(path, wrong(value, expected)) : shape.read(value, path, reading);
    },
  };
}

function anyOf(shapes: readonly Shape<unknown>[]): JsonObject {
  const schemas = new Map(shapes.map(({ schema }) => [JSON.stringify(schema), schema]));
  return { anyOf: [...schemas.values()] };
}

/** The same shape, with its schema in the place `name` of the schema's `$defs`. */
export function named<T>(name: string, shape: Shape<T>): Shape<T> {
  return { ...shape, schema: { $ref: `#/$defs/${name}` } };
}

/** Deeper is nobody's policy. */
const DEEPEST = 64;

/** A shape that may contain itself: `name` is its place in the schema's `$defs`. */
export function recursive<T>(name: string, expected: string, shape: () => Shape<T>): Shape<T> {
  return {
    expected,
    schema: { $ref: `#/$defs/${name}` },
    read(value, path, reading) {
      if (reading.depth >= DEEPEST) return reading.fail(path, `it is nested deeper than ${DEEPEST}`);
      reading.depth += 1;
      const read = shape().read(value, path, reading);
      reading.depth -= 1;
      return read;
    },
  };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(value: unknown, expected: string): string {
  return `${show(value)} is not ${expected}`;
}

/** Short, and in the words of JSON. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const written = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value));
  return written.length > 64 ? `${written.slice(0, 63)}…` : written;
}

/** JSON Pointer, RFC 6901. */
export function escapeKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** A name that differs by a letter or two, or in capitals alone. */
function nearest(value: unknown, names: readonly string[]): string {
  if (typeof value !== 'string' || value.length > 64) return '';
  const close = names
    .map((name) => ({ name, distance: distance(value.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance: steps }) => steps <= Math.min(2, value.length / 2))
    .sort((a, b) => a.distance - b.distance);
  return close[0] === undefined ? '' : `; did you mean ${close[0].name}?`;
}

/** Letters to put in, take out or change (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let at = 1; at <= from.length; at++) {
    const next = [at];
    for (let other = 1; other <= to.length; other++) {
      const changed = (row[other - 1] ?? 0) + (from[at - 1] === to[other - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[other] ?? 0) + 1, (next[other - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
