import { InvalidArgument, ProtocolError, UnsupportedValue } from '../errors.js';
import { defaultLimits, type ValueLimits } from '../limits.js';
import { decodeValue } from '../msgpack-decode.js';
import { encodeValue } from '../msgpack-encode.js';
import type { ProtoDecoder, ProtoEncoder } from '../payloads.js';
import { Mismatch, within } from './mismatch.js';
import type { StandardInput, StandardOutput, StandardResult, StandardSchema } from './standard.js';
import { makeType, type Type } from './type.js';
import { defaultMaxima, type Maximum, readBytes, requireMaximum, writeBytes } from './variable.js';

export interface ProtoType<Message> extends ProtoEncoder<Message>, ProtoDecoder<Message> {}

export interface ProtoTypeOptions extends Maximum {
  /** Told to the peer for comparison, since a class does not say which message it is. Default: the name of the class. */
  readonly name?: string;
}

/** A message of protobufjs' static code, or of a reflected type. */
export function proto<Message>(message: ProtoType<Message>, options: ProtoTypeOptions = {}): Type<Message> {
  const { max = defaultMaxima.proto, name = nameOf(message) } = options;
  requireMaximum('proto', max);
  return makeType<Message>({
    text: () => `proto(${JSON.stringify(name)}, ${max})`,
    least: 4,
    write(writer, value) {
      let encoded: Uint8Array;
      try {
        encoded = message.encode(value as Message).finish();
      } catch (error) {
        throw new Mismatch(`it is no ${name}: ${reason(error)}`);
      }
      writeBytes(writer, encoded, max);
    },
    read(reader) {
      // It hands out `bytes` fields as views of its input, which must never be the slab.
      const copy = readBytes(reader, max);
      try {
        return message.decode(copy);
      } catch (error) {
        throw new Mismatch(`it is a malformed ${name}: ${reason(error)}`);
      }
    },
  });
}

function nameOf(message: object): string {
  return 'name' in message && typeof message.name === 'string' ? message.name : 'message';
}

export interface ValueTypeOptions extends Partial<ValueLimits> {
  /** Told to the peer for comparison, since a schema does not describe itself: raise it when the schema changes. */
  readonly name?: string;
}

/**
 * Anything that msgpack carries and `schema` (zod's, valibot's, arktype's, any Standard Schema) takes. What is sent is what
 * was given, once the schema has taken it; what arrives is what the receiver's schema makes of it. It must answer at once.
 */
export function value<S extends StandardSchema>(
  schema: S,
  { name = '', ...given }: ValueTypeOptions = {},
): Type<StandardInput<S>, StandardOutput<S>> {
  if (typeof schema?.['~standard']?.validate !== 'function') {
    throw new InvalidArgument('t.value(): give it a Standard Schema, such as z.object({ … })');
  }
  const limits: ValueLimits = { ...defaultLimits.value, max: defaultMaxima.value, ...given };
  const { max, nodes, depth, keys } = limits;
  requireMaximum('value', max);
  return makeType<StandardInput<S>, StandardOutput<S>>({
    text: () => `value(${JSON.stringify(name)}, ${max}, ${nodes}, ${depth}, ${keys})`,
    least: 4,
    write(writer, item) {
      validate(schema, item);
      let encoded: Buffer;
      try {
        encoded = encodeValue(item, max);
      } catch (error) {
        if (error instanceof UnsupportedValue) throw new Mismatch(error.message);
        throw error;
      }
      writeBytes(writer, encoded, max);
    },
    read(reader) {
      const size = reader.view.getUint32(reader.take(4), true);
      if (size > max) throw new Mismatch(`it has ${size} bytes and may have ${max}`);
      const at = reader.take(size);
      let decoded: unknown;
      try {
        decoded = decodeValue(reader.bytes, at, at + size, limits);
      } catch (error) {
        if (error instanceof ProtocolError) throw new Mismatch(error.message);
        throw error;
      }
      return validate(schema, decoded);
    },
  });
}

function validate<S extends StandardSchema>(schema: S, item: unknown): StandardOutput<S> {
  const result = schema['~standard'].validate(item) as StandardResult<StandardOutput<S>> | Promise<unknown>;
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new InvalidArgument('t.value(): the schema answers with a promise, and must answer at once');
  }
  if (result.issues === undefined) return result.value;
  const [first] = result.issues;
  let mismatch: unknown = new Mismatch(first?.message ?? 'the schema refuses it');
  for (const step of [...(first?.path ?? [])].reverse()) {
    const key = typeof step === 'object' ? step.key : step;
    mismatch = within(mismatch, typeof key === 'number' ? key : String(key));
  }
  throw mismatch;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
