import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { UnsupportedValue } from '../../protocols/errors.js';
import type { ValueLimits } from '../../protocols/limits.js';
import { decodeValue, encodeValue } from '../../protocols/msgpack.js';
import { closePair, memoryComms, rejection, thrown } from './support.js';

const huge: ValueLimits = { max: 64 * 1024 * 1024, nodes: 100_000_000, depth: 32, keys: 100_000_000 };

function roundTrip(value: unknown): unknown {
  return decodeValue(encodeValue(value));
}

/** Values that both we and an ordinary msgpack library carry alike. */
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.integer({ min: -0x80000000, max: 0x7fffffff }),
    fc.nat({ max: 0x7fffffff }).map((number) => number * 2),
    fc.double({ noNaN: true }).filter((number) => !Object.is(number, -0)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.string({ unit: 'grapheme' }).filter((text) => !text.startsWith('\ufeff')),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__' && !key.startsWith('\ufeff')),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value;

describe('msgpack values', () => {
  it('come back as they were', () => {
    const samples = [
      null,
      true,
      false,
      0,
      1.5,
      0.1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.MIN_VALUE,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      -32,
      -33,
      64,
      127,
      128,
      -129,
      -32769,
      -2147483648,
      4294967295,
      4294967296,
      -2147483649,
      0n,
      -1n,
      2n ** 63n - 1n,
      2n ** 63n,
      -(2n ** 63n),
      2n ** 64n - 1n,
      '',
      '\ufeffmark',
      `\ufeff${'long'.repeat(100)}`,
      ...[31, 32, 63, 64, 255, 256, 300, 65_000].map((length) => 'x'.repeat(length)),
      ...[10, 11, 21, 22, 85, 86, 21_000].map((length) => '\u20ac'.repeat(length)),
      '\u{1f600}'.repeat(40),
      [[], [[]], {}],
      {},
      Buffer.alloc(0),
      ...[255, 256, 65_000].map((length) => Buffer.alloc(length, 7)),
      JSON.parse('{"constructor":"x","toString":1,"hasOwnProperty":null,"then":true,"toJSON":"y"}'),
      { '\ufeffa': 1, a: 2, 10: 'index', 2: 'index' },
      Object.assign(Object.create(null), { bare: true }),
      Array.from({ length: 70 }, (_, index) => index * 1000),
    ];
    for (const sample of samples) {
      expect(roundTrip(sample)).to.deep.equal(sample);
    }
    expect(roundTrip(Buffer.from('bin'))).to.deep.equal(Buffer.from('bin'));
    expect(roundTrip(new Uint8Array([1, 2]))).to.deep.equal(Buffer.from([1, 2]));
    expect(roundTrip(Buffer.from('0123456789').subarray(3, 6))).to.deep.equal(Buffer.from('345'));
  });

  it('come back as they were where they are large', () => {
    const samples = [
      '\u20ac'.repeat(100_000),
      Buffer.alloc(100_000, 7),
      Array.from({ length: 70_000 }, (_, index) => index),
      Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`key ${index}`, index])),
    ];
    for (const sample of samples) {
      expect(isDeepStrictEqual(decodeValue(encodeValue(sample), 0, undefined, huge), sample)).to.equal(true);
    }
  });

  it('have no -0', () => {
    expect(Object.is(roundTrip(-0), 0)).to.equal(true);
  });

  it('mean the same to another implementation, in both directions', () => {
    const packr = new Packr({ useRecords: false, variableMapSize: true });
    const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });
    fc.assert(
      fc.property(values, (value) => {
        expect(unpackr.unpack(encodeValue(value))).to.deep.equal(value);
        expect(decodeValue(packr.pack(value), 0, undefined, huge)).to.deep.equal(value);
        expect(roundTrip(value)).to.deep.equal(value);
      }),
      { numRuns: 300 },
    );
  });

  it('do not alias what they were decoded from', () => {
    const bytes = encodeValue({ text: 'text that is long enough', bin: Buffer.from('bytes') });
    const value = decodeValue(bytes);
    bytes.fill(0);
    expect(value).to.deep.equal({ text: 'text that is long enough', bin: Buffer.from('bytes') });
  });

  it('are decoded without a setter or a frozen prototype in the way', () => {
    const value = roundTrip({ toString: 'own' });
    expect(Object.getOwnPropertyDescriptor(value, 'toString')).to.deep.equal({
      value: 'own',
      writable: true,
      enumerable: true,
      configurable: true,
    });
    expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
  });
});

describe('a value that cannot be sent', () => {
  class Point {
    x = 1;
  }
  const cyclic: unknown[] = [];
  cyclic.push({ again: cyclic });
  const deep: unknown[] = [];
  let inner = deep;
  for (let depth = 0; depth < 33; depth++) {
    const next: unknown[] = [];
    inner.push(next);
    inner = next;
  }

  const cases: readonly [name: string, value: unknown, path: string, message: RegExp][] = [
    ['undefined', undefined, '', /undefined/],
    ['undefined inside', { users: [{ born: undefined }] }, '.users[0].born', /undefined/],
    ['a hole in an array', [1, ...new Array(1)], '[1]', /undefined/],
    ['a function', { a: { call: () => 1 } }, '.a.call', /function/],
    ['a symbol', [Symbol('x')], '[0]', /symbol/],
    ['a symbol as a key', { a: { [Symbol('x')]: 1 } }, '.a', /symbol/],
    ['a bigint above 64 bits', { 'big one': 2n ** 64n }, '["big one"]', /64 bits/],
    ['a bigint below 64 bits', -(2n ** 63n) - 1n, '', /64 bits/],
    ['a cycle', cyclic, '[0].again', /contains itself/],
    ['too deep a nesting', deep, '[0]'.repeat(32), /deeper than 32/],
    ['a Date', { when: new Date() }, '.when', /Date/],
    ['a Map', new Map(), '', /Map/],
    ['a Set', [new Set()], '[0]', /Set/],
    ['an Error', new Error('x'), '', /Error/],
    ['a class instance', { at: new Point() }, '.at', /Point/],
    ['another typed array', new Float64Array(1), '', /Float64Array/],
    ['an ArrayBuffer', new ArrayBuffer(1), '', /ArrayBuffer/],
    ['a promise', Promise.resolve(1), '', /Promise/],
    ['a boxed number', Object(1), '', /Number/],
    ['a lone surrogate', { text: 'a\ud800' }, '.text', /surrogate/],
    ['a key __proto__', JSON.parse('{"a":{"__proto__":1}}'), '.a.__proto__', /__proto__/],
  ];

  for (const [name, value, path, message] of cases) {
    it(`(${name}) is refused, with the way to it`, () => {
      const error = thrown(() => encodeValue(value));
      expect(error).to.be.instanceOf(UnsupportedValue);
      expect(error).to.include({ path, code: 'ERR_SALLYPORT_UNSUPPORTED_VALUE' });
      expect(String(error)).to.match(message);
    });
  }

  it('sends nothing of it', async () => {
    const pair = memoryComms();
    expect(await rejection(pair.broker.sendValue({ a: [undefined] }))).to.be.instanceOf(UnsupportedValue);
    await pair.broker.sendBool(true);
    expect(await pair.sandboxee.recvBool()).to.equal(true);
    closePair(pair);
  });

  it('may hold the same object twice', () => {
    const shared = { a: 1 };
    expect(roundTrip([shared, shared])).to.deep.equal([shared, shared]);
  });
});
