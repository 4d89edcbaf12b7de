import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { ProtocolError } from '../../../protocols/errors.js';
import { decode, encode, t } from '../../../protocols/schema/index.js';
import type { Type } from '../../../protocols/schema/type.js';
import { type FuzzTarget, mustHold } from '../target.js';

const point = t.record({ x: t.int32({ min: -5 }), y: t.optional(t.float64()) });
const types: readonly [Type, ...Type[]] = [
  t.record({
    a: t.bool(),
    b: t.int8(),
    c: t.uint16({ min: 3 }),
    d: t.int64(),
    e: t.uint64(),
    f: t.string({ max: 40 }),
  }),
  t.array(t.record({ name: t.string(), at: t.optional(point) }), { max: 100 }),
  t.map(t.string({ max: 10 }), t.array(t.uint8())),
  t.union('kind', { dot: { point }, line: { points: t.array(point, { max: 9 }) }, none: {} }),
  t.record({ colour: t.enum(['red', 'green']), bytes: t.bytes({ max: 64 }), wide: t.float64({ nonFinite: true }) }),
  t.record({ value: t.value(z.any()), again: t.optional(t.value(z.record(z.string(), z.number()))) }),
  t.array(t.array(t.array(t.record({ it: t.optional(t.bool()) }))), { max: 1000 }),
];

/** Any bytes are a value or a ProtocolError, and a value is the same once it was sent on. The first byte says of which type. */
export const codecs: FuzzTarget = {
  name: 'codecs',
  most: 2048,
  words: ['\x01\0\0\0', '\x02\0\0\0ab', '__proto__', '\xff\xff\xff\x7f', '\x81\xa1a\x01'],
  seeds: () =>
    [
      encode(types[0], { a: true, b: -1, c: 3, d: -1n, e: 1n, f: 'text' } as never),
      encode(types[1] ?? types[0], [{ name: 'n', at: { x: 1, y: 2 } }, { name: '' }] as never),
      encode(types[3] ?? types[0], { kind: 'line', points: [{ x: 1 }] } as never),
    ].map((bytes, index) => Buffer.concat([Buffer.from([index === 2 ? 3 : index]), bytes])),
  run: (input) => {
    const type = types[(input[0] ?? 0) % types.length] ?? types[0];
    let value: unknown;
    try {
      value = decode(type, input.subarray(1));
    } catch (error) {
      if (error instanceof ProtocolError) return;
      throw error;
    }
    const sent = encode(type, value as never);
    mustHold(isDeepStrictEqual(decode(type, sent), value), 'it is another value once it was sent on');
  },
};
