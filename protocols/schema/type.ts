import { defaultLimits } from '../limits.js';
import type { AnyInterface } from './interface.js';
import { Mismatch } from './mismatch.js';
import type { Reader } from './reader.js';
import type { StandardProperties, StandardSchema } from './standard.js';
import { Writer } from './writer.js';

/**
 * One type of the vocabulary: how its values are written, read and checked, in one pass each, by functions that are composed
 * once. `In` is what is given, `Out` what arrives; they differ for remotes and for schemas that transform.
 */
export interface Type<In = unknown, Out = In> extends StandardSchema<In, Out> {
  /** @internal The canonical description. Both sides' must be the same. */
  readonly text: () => string;
  /** @internal Fewest bytes that a value takes. It bounds what a count may announce. */
  readonly least: number;
  /** @internal Checks the value and writes it. Throws Mismatch. */
  readonly write: Write;
  /** @internal Reads a value and checks it. Throws Mismatch. */
  readonly read: (reader: Reader) => Out;
  /** @internal Closes what a value that is not sent would have moved; null where a value carries nothing. It never throws. */
  readonly drop: Drop | null;
  /** @internal The interfaces of the remotes in it. */
  readonly interfaces: readonly (() => AnyInterface)[];
}

export type Write = (writer: Writer, value: unknown) => void;
export type Drop = (value: unknown) => void;

/** The value of a record's field that may be left out. */
export interface Optional<In = unknown, Out = In> extends Type<In | undefined, Out | undefined> {
  readonly isOptional: true;
}

/** What a value of this type is where it arrives. */
export type Infer<T extends StandardSchema> = NonNullable<T['~standard']['types']>['output'];
/** What may be given for it. */
export type InferInput<T extends StandardSchema> = NonNullable<T['~standard']['types']>['input'];

export interface TypeParts<Out> {
  readonly text: () => string;
  readonly least: number;
  readonly write: Write;
  readonly read: (reader: Reader) => Out;
  readonly drop?: Drop | null;
  readonly interfaces?: readonly (() => AnyInterface)[];
}

export function makeType<In, Out = In>({ drop = null, interfaces = [], ...parts }: TypeParts<Out>): Type<In, Out> {
  return Object.freeze({ ...parts, drop, interfaces, '~standard': standardOf<In, Out>(parts.write) });
}

/** The check is the writing, of which nothing is kept. The value itself comes back: nothing is moved or converted. */
export function standardOf<In, Out>(write: Write): StandardProperties<In, Out> {
  return Object.freeze({
    version: 1,
    vendor: 'sallyport',
    validate: (value: unknown) => {
      try {
        write(new Writer(defaultLimits.maxMessage), value);
        return { value: value as Out };
      } catch (error) {
        if (error instanceof Mismatch) return { issues: [{ message: error.message, path: error.path }] };
        return { issues: [{ message: error instanceof Error ? error.message : String(error) }] };
      }
    },
  });
}
