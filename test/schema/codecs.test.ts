import { expect } from 'chai';
import { InvalidArgument } from '../../protocols/errors.js';
import { decode, encode, t } from '../../protocols/schema/index.js';
import type { Type } from '../../protocols/schema/type.js';
import { KiB } from '../../protocols/units.js';
import { thrown } from '../comms/support.js';
import { refusal } from './support.js';

function roundTrip<In, Out>(type: Type<In, Out>, value: In): Out {
  return decode(type, encode(type, value));
}

function complaint(type: Type<never, unknown> | Type, value: unknown): string {
  const error = thrown(() => encode(type as Type, value));
  if (!(error instanceof InvalidArgument)) throw error;
  return error.message;
}

describe('the types of the schema', () => {
  const cases: readonly (readonly [string, Type<never, unknown> | Type, readonly unknown[], readonly unknown[]])[] = [
    ['bool', t.bool(), [true, false], [0, 1, 'true', null, undefined]],
    ['int8', t.int8(), [-128, 0, 127], [-129, 128, 0.5, '1', 1n, NaN, Infinity]],
    ['uint8', t.uint8(), [0, 255], [-1, 256]],
    ['int16', t.int16(), [-32768, 32767], [-32769, 32768]],
    ['uint16', t.uint16(), [0, 65535], [-1, 65536]],
    ['int32', t.int32(), [-(2 ** 31), 2 ** 31 - 1], [-(2 ** 31) - 1, 2 ** 31]],
    ['uint32', t.uint32(), [0, 2 ** 32 - 1], [-1, 2 ** 32]],
    ['int64', t.int64(), [-(2n ** 63n), 2n ** 63n - 1n], [-(2n ** 63n) - 1n, 2n ** 63n, 1]],
    ['uint64', t.uint64(), [0n, 2n ** 64n - 1n], [-1n, 2n ** 64n, 0]],
    ['a bounded integer', t.uint32({ min: 2, max: 8192 }), [2, 8192], [1, 8193]],
    ['a bounded bigint', t.int64({ min: 0n, max: 9n }), [0n, 9n], [-1n, 10n]],
    ['float64', t.float64(), [0, -0, 1.5, Number.MAX_VALUE, Number.MIN_VALUE], [NaN, Infinity, -Infinity, '1', 1n]],
    ['a float64 that may be anything', t.float64({ nonFinite: true }), [NaN, Infinity, -Infinity, -0], ['NaN']],
    ['a bounded float64', t.float64({ min: 0, max: 1 }), [0, 1, 0.25], [-0.01, 1.01, NaN]],
    [
      'string',
      t.string(),
      ['', 'x', '\uFEFFbom', 'naïve €', '𝄞', 'x'.repeat(65_536), '\0'],
      [1, null, '\ud800', 'a\udc00b'.repeat(30)],
    ],
    ['a bounded string', t.string({ max: 3 }), ['', 'abc', 'ä', '€'], ['abcd', 'ää', '€€']],
    [
      'bytes',
      t.bytes({ max: 3 }),
      [Buffer.from([1, 2, 3]), Buffer.alloc(0)],
      [Buffer.alloc(4), 'abc', [1], new DataView(new ArrayBuffer(1))],
    ],
    [
      'an array',
      t.array(t.uint8(), { max: 2 }),
      [[], [1], [1, 2]],
      [[1, 2, 3], [256], { length: 1 }, new Uint8Array(1), new Array(2)],
    ],
    [
      'a map',
      t.map(t.string(), t.uint8(), { max: 2 }),
      [
        new Map([['__proto__', 1]]),
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
      ],
      [
        {},
        new Map([['a', 256]]),
        new Map([
          ['a', 1],
          ['b', 2],
          ['c', 3],
        ]),
        new Map([[1, 1]]),
      ],
    ],
    [
      'a record',
      t.record({ a: t.uint8(), b: t.optional(t.string()) }),
      [{ a: 1 }, { a: 1, b: '' }],
      [{}, { a: 1, b: 1 }, { b: '' }, null, [], 1],
    ],
    ['a literal', t.literal('on'), ['on'], ['off', '']],
    ['an enum', t.enum(['a', 'b']), ['a', 'b'], ['c', 0, 'toString', '__proto__']],
    [
      'a union',
      t.union('kind', { circle: { radius: t.float64() }, nothing: {} }),
      [{ kind: 'circle', radius: 1 }, { kind: 'nothing' }],
      [{ kind: 'square' }, { kind: 'circle' }, {}, null, { kind: 'toString' }],
    ],
  ];
  for (const [name, type, good, bad] of cases) {
    it(`(${name}) carry their values unchanged, and refuse others before anything is sent`, () => {
      for (const value of good) expect(roundTrip(type as Type, value)).to.deep.equal(value);
      for (const value of bad) complaint(type, value);
      for (const value of good) expect(type['~standard'].validate(value)).to.deep.equal({ value });
      for (const value of bad) expect(type['~standard'].validate(value)).to.have.property('issues').with.length(1);
    });
  }

  for (const [name, type, value] of [
    ['booleans', t.bool(), true],
    ['integers', t.uint32(), 0x01020304],
    ['64-bit integers', t.uint64(), 0x0102030405060708n],
    ['enumerations', t.enum(['a', 'b']), 'b'],
    ['optional fields', t.record({ a: t.optional(t.bool()), b: t.optional(t.bool()) }), { a: true }],
    ['texts', t.string(), 'text'],
    ['bytes', t.bytes(), Buffer.from('bytes')],
    ['bytes that are sent from where they are', t.bytes(), Buffer.alloc(20 * KiB, 3)],
  ] as const) {
    it(`carry ${name} wherever the memory grows in which they are put together`, () => {
      const many = t.record({ before: t.string(), values: t.array(type as Type<unknown, unknown>, { max: 40_000 }) });
      for (let before = 0; before < 9; before += 1) {
        const values = Array.from({ length: 20_000 }, () => value);
        const given = {
          before: 'x'.repeat(before),
          values: name.includes('from where') ? values.slice(0, 20) : values,
        };
        expect(decode(many, encode(many, given))).to.deep.equal(given);
      }
    }).timeout(20_000);
  }

  it('arrive in memory of their own', () => {
    const bytes = encode(t.bytes(), Buffer.from('mine'));
    const received = decode(t.bytes(), bytes);
    bytes.fill(0);
    expect(received.toString()).to.equal('mine');
  });

  it('leave out what a record does not name, and what is undefined', () => {
    const type = t.record({ a: t.uint8(), b: t.optional(t.uint8()) });
    const given = { a: 1, b: undefined, c: 3 };
    expect(Object.keys(roundTrip(type, given))).to.deep.equal(['a']);
  });

  it('say where in a value the fault is, and what would be right', () => {
    const type = t.record({ list: t.array(t.record({ width: t.uint32({ max: 8192 }) })) });
    expect(complaint(type, { list: [{ width: 1 }, { width: 9000 }] })).to.equal(
      'the value: list[1].width: 9000 is not an integer from 0 to 8192',
    );
    expect(complaint(t.map(t.string(), t.bool()), new Map([['a b', 1]]))).to.contain('["a b"]: 1 is no boolean');
  });
});

describe('a definition that cannot hold', () => {
  const wrong: readonly (readonly [string, () => unknown])[] = [
    ['a field that would set a prototype', () => t.record({ ['__proto__']: t.bool() })],
    ['a field that Object.prototype has', () => t.record({ toString: t.bool() })],
    ['a field that makes a promise of it', () => t.record(Object.fromEntries([['then', t.bool()]]))],
    ['a range that is none', () => t.uint8({ min: 5, max: 4 })],
    ['a range beyond the type', () => t.uint8({ max: 256 })],
    ['no maximum', () => t.string({ max: Infinity })],
    ['a list of what takes no bytes', () => t.array(t.record({}))],
    ['a map of what takes no bytes', () => t.map(t.literal('a'), t.literal(1))],
    ['an optional item', () => t.array(t.optional(t.bool()))],
    ['an empty enum', () => t.enum([])],
    ['an enum with one twice', () => t.enum(['a', 'a'])],
    ['a variant with the field that tells them apart', () => t.union('kind', { a: { kind: t.bool() } })],
    ['a directory without its token', () => t.fd('directory')],
    ['an event with an fd', () => t.event({ file: t.fd('file') }, { overflow: 'latest' })],
    ['a code of another form', () => t.method({ errors: ['Not Right'] })],
    ['a code that has its meaning', () => t.method({ errors: ['internal'] })],
  ];
  for (const [name, define] of wrong) {
    it(`(${name}) is refused when it is made`, () => {
      expect(thrown(define)).to.be.instanceOf(InvalidArgument);
    });
  }
});

describe('hostile bytes', () => {
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const hostile: readonly (readonly [string, Type<never, unknown> | Type, Uint8Array, string])[] = [
    ['a bool of 2', t.bool(), Buffer.from([2]), 'the byte 2 is neither 0 nor 1'],
    ['an optional of 2', t.record({ a: t.optional(t.bool()) }), Buffer.from([2]), 'a: the byte 2'],
    ['nothing at all', t.uint32(), Buffer.alloc(0), 'cut short'],
    ['half an integer', t.uint32(), Buffer.alloc(3), 'cut short'],
    ['more than the message', t.uint8(), Buffer.alloc(2), '1 bytes follow it'],
    [
      'an integer out of its range',
      t.record({ w: t.uint32({ max: 9 }) }),
      u32(10),
      'w: 10 is not an integer from 0 to 9',
    ],
    ['NaN', t.float64(), Buffer.from('000000000000f87f', 'hex'), 'NaN'],
    ['a string above its maximum', t.string({ max: 2 }), Buffer.concat([u32(3), Buffer.from('abc')]), 'may have 2'],
    ['a string that is cut short', t.string(), Buffer.concat([u32(5), Buffer.from('abc')]), 'cut short'],
    ['a string of 4 GiB', t.string(), u32(0xffffffff), 'may have'],
    ['invalid UTF-8', t.string(), Buffer.concat([u32(1), Buffer.from([0xff])]), 'UTF-8'],
    ['a surrogate in UTF-8', t.string(), Buffer.concat([u32(3), Buffer.from('eda080', 'hex')]), 'UTF-8'],
    ['a huge count', t.array(t.uint8(), { max: 2 ** 30 }), Buffer.concat([u32(2 ** 30), Buffer.alloc(9)]), 'cut short'],
    [
      'a count above its maximum',
      t.array(t.uint8(), { max: 1 }),
      Buffer.concat([u32(2), Buffer.alloc(2)]),
      'may have 1',
    ],
    [
      'a key twice',
      t.map(t.uint8(), t.uint8()),
      Buffer.concat([u32(2), Buffer.from([7, 0, 7, 1])]),
      '[1]: the key 7 comes twice',
    ],
    ['an unknown choice', t.enum(['a']), Buffer.from([1]), 'choice 1 does not exist'],
    ['an unknown variant', t.union('k', { a: {} }), Buffer.from([9]), 'variant 9 does not exist'],
    ['an fd that never came', t.fd('file'), Buffer.from([0]), 'no fd'],
  ];
  for (const [name, type, bytes, says] of hostile) {
    it(`(${name}) are refused, with what is wrong and where`, () => {
      expect(refusal(type, bytes)).to.contain(says);
    });
  }

  it('that name a key __proto__ make an entry, and no prototype', () => {
    const type = t.map(t.string(), t.string());
    const received = decode(type, encode(type, new Map([['__proto__', 'x']])));
    expect(Object.getPrototypeOf(received)).to.equal(Map.prototype);
    expect(received.get('__proto__')).to.equal('x');
  });

  it('cannot put control characters into a message about them', () => {
    const type = t.map(t.string(), t.bool());
    const bytes = Buffer.concat([
      u32(2),
      u32(1),
      Buffer.from('\x1b'),
      Buffer.from([1]),
      u32(1),
      Buffer.from('\x1b'),
      Buffer.from([1]),
    ]);
    expect(refusal(type, bytes)).to.not.contain('\x1b');
  });
});
