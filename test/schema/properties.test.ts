import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { InvalidArgument, ProtocolError } from '../../protocols/errors.js';
import { decode, encode, t } from '../../protocols/schema/index.js';
import type { Type } from '../../protocols/schema/type.js';

/** A type, and values of it. */
interface Sample {
  readonly type: Type;
  readonly values: fc.Arbitrary<unknown>;
}

const text = fc.string({ unit: 'grapheme', maxLength: 50 });
const name = fc.constantFrom('a', 'b', 'c', 'd', 'longer_name', '$', 'length', 'name');

const leaves: readonly Sample[] = [
  { type: t.bool(), values: fc.boolean() },
  { type: t.int8(), values: fc.integer({ min: -128, max: 127 }) },
  { type: t.uint16({ min: 3 }), values: fc.integer({ min: 3, max: 65535 }) },
  { type: t.int32(), values: fc.integer() },
  { type: t.uint32(), values: fc.nat(2 ** 32 - 1) },
  { type: t.int64(), values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { type: t.uint64(), values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
  { type: t.float64(), values: fc.double({ noDefaultInfinity: true, noNaN: true }) },
  { type: t.float64({ nonFinite: true }), values: fc.double() },
  { type: t.string(), values: text },
  { type: t.bytes(), values: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)) },
  { type: t.enum(['x', 'y', 'z']), values: fc.constantFrom('x', 'y', 'z') },
  { type: t.value(z.any()), values: fc.constantFrom<unknown>(null, 1, 'x', [1, [2]], { k: { l: true } }) },
];

const samples: fc.Arbitrary<Sample> = fc.letrec<{ sample: Sample; fields: [string, Sample, boolean][] }>((tie) => ({
  fields: fc.uniqueArray(fc.tuple(name, tie('sample'), fc.boolean()), {
    selector: ([key]) => key,
    minLength: 1,
    maxLength: 5,
  }),
  sample: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...leaves),
    tie('sample').map(({ type, values }) => ({ type: t.array(type), values: fc.array(values, { maxLength: 5 }) })),
    tie('sample').map(({ type, values }) => ({
      type: t.map(t.string(), type),
      values: fc
        .array(fc.tuple(fc.oneof(text, fc.constant('__proto__')), values), { maxLength: 5 })
        .map((list) => new Map(list)),
    })),
    tie('fields').map((fields) => ({
      type: t.record(
        Object.fromEntries(fields.map(([key, { type }, isOptional]) => [key, isOptional ? t.optional(type) : type])),
      ),
      values: fc
        .record(Object.fromEntries(fields.map(([key, { values }]) => [key, values])), {
          requiredKeys: fields.filter(([, , isOptional]) => !isOptional).map(([key]) => key),
        })
        .map((given) => ({ ...given })),
    })),
    fc.tuple(tie('sample'), tie('sample')).map(([one, other]) => ({
      type: t.union('kind', { one: { item: one.type }, other: { item: other.type } }),
      values: fc.oneof(
        one.values.map((item) => ({ kind: 'one', item })),
        other.values.map((item) => ({ kind: 'other', item })),
      ),
    })),
  ),
})).sample;

const typeAndValue = samples.chain(({ type, values }) => values.map((value) => ({ type, value })));

/** Decodes what may be anything: the only ways out are a value and a ProtocolError. */
function decodeAnything(type: Type, bytes: Uint8Array): unknown {
  try {
    return { value: decode(type, bytes) };
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

describe('any schema', () => {
  it('carries any value of it unchanged', () => {
    fc.assert(
      fc.property(typeAndValue, ({ type, value }) => {
        expect(decode(type, encode(type, value))).to.deep.equal(value);
      }),
      { numRuns: 500 },
    );
  });

  it('either takes or refuses any bytes, and what it takes it can send', () => {
    fc.assert(
      fc.property(samples, fc.uint8Array({ maxLength: 200 }), ({ type }, bytes) => {
        const decoded = decodeAnything(type, bytes);
        if (decoded !== null) encode(type, (decoded as { value: unknown }).value);
      }),
      { numRuns: 1000 },
    );
  });

  it('either takes or refuses what was changed on its way', () => {
    fc.assert(
      fc.property(typeAndValue, fc.nat(), fc.nat(255), fc.nat(4), ({ type, value }, place, byte, cut) => {
        const bytes = Buffer.from(encode(type, value));
        if (bytes.length > 0) bytes[place % bytes.length] = byte;
        decodeAnything(type, bytes);
        decodeAnything(type, bytes.subarray(0, Math.max(0, bytes.length - cut)));
        decodeAnything(type, Buffer.concat([bytes, Buffer.alloc(cut)]));
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses any value that is not of it with an InvalidArgument', () => {
    fc.assert(
      fc.property(
        samples,
        fc.anything({ withBigInt: true, withMap: true, withTypedArray: true }),
        ({ type }, value) => {
          try {
            encode(type, value);
          } catch (error) {
            expect(error).to.be.instanceOf(InvalidArgument);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('makes no more of a message than a multiple of its size', () => {
    // The costliest list that a byte can announce: each item of one byte becomes an object.
    const type = t.array(t.record({ a: t.optional(t.uint8()) }), { max: 2 ** 24 });
    const count = 200_000;
    const bytes = Buffer.alloc(4 + count);
    bytes.writeUInt32LE(count, 0);
    const before = process.memoryUsage().heapUsed;
    const list = decode(type, bytes);
    expect(list).to.have.length(count);
    expect(process.memoryUsage().heapUsed - before).to.be.below(count * 200);
    bytes.writeUInt32LE(2 ** 24, 0);
    const peak = process.memoryUsage().heapUsed;
    expect(decodeAnything(type, bytes)).to.equal(null);
    expect(process.memoryUsage().heapUsed - peak).to.be.below(1_000_000);
  });
});
