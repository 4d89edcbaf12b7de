import { expect } from 'chai';
import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { LimitExceeded, ProtocolError, UnsupportedValue } from '../../protocols/errors.js';
import { defaultLimits, type ValueLimits } from '../../protocols/limits.js';
import { decodeValue, encodeValue } from '../../protocols/msgpack.js';
import { Tag } from '../../protocols/tags.js';
import { closePair, HostilePeer, memoryComms, rejection, thrown } from './support.js';

const huge: ValueLimits = { max: 64 * 1024 * 1024, nodes: 100_000_000, depth: 32, keys: 100_000_000 };

function bytesOf(...parts: (number | string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));
}

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
      -0,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.MIN_VALUE,
      Number.MAX_SAFE_INTEGER,
      -33,
      -129,
      -32769,
      -2147483648,
      4294967295,
      4294967296,
      -(2n ** 63n),
      2n ** 64n - 1n,
      '',
      '\ufeffmark',
      `\ufeff${'long'.repeat(100)}`,
      'x'.repeat(300),
      [[], [[]], {}],
      JSON.parse('{"constructor":"x","toString":1,"hasOwnProperty":null,"then":true,"toJSON":"y"}'),
      { '\ufeffa': 1, a: 2, 10: 'index', 2: 'index' },
      Object.assign(Object.create(null), { bare: true }),
      Array.from({ length: 70 }, (_, index) => index * 1000),
    ];
    for (const sample of samples) {
      expect(roundTrip(sample)).to.deep.equal(sample);
    }
    expect(Object.is(roundTrip(-0), -0)).to.equal(true);
    expect(roundTrip(Buffer.from('bin'))).to.deep.equal(Buffer.from('bin'));
    expect(roundTrip(new Uint8Array([1, 2]))).to.deep.equal(Buffer.from([1, 2]));
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

describe('a hostile msgpack value', () => {
  const refused: readonly [name: string, bytes: Buffer][] = [
    ['nothing', bytesOf()],
    ['the byte that is never used', bytesOf(0xc1)],
    ['a record definition (fixext 0x72)', bytesOf(0xd4, 0x72, 0x40, 0x91, 0xa1, 'a', 1)],
    ['a key __proto__', bytesOf(0x81, 0xa9, '__proto__', 0x80)],
    ['a long-form key __proto__', bytesOf(0x81, 0xd9, 9, '__proto__', 0x80)],
    ['a key twice', bytesOf(0x82, 0xa1, 'a', 1, 0xa1, 'a', 2)],
    ['a key twice, in two forms', bytesOf(0x82, 0xa1, 'a', 1, 0xd9, 1, 'a', 2)],
    ['a key twice that the prototype has', bytesOf(0x82, 0xa8, 'toString', 1, 0xa8, 'toString', 2)],
    ['a number as a key', bytesOf(0x81, 1, 1)],
    ['nil as a key', bytesOf(0x81, 0xc0, 1)],
    ['bytes as a key', bytesOf(0x81, 0xc4, 1, 'a', 1)],
    ['a map as a key', bytesOf(0x81, 0x80, 1)],
    ['a second value', bytesOf(1, 2)],
    ['a string cut short', bytesOf(0xa5, 'abc')],
    ['an array cut short', bytesOf(0x93, 1, 2)],
    ['an array that announces 2^32-1 items', bytesOf(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['a map that announces 2^32-1 keys', bytesOf(0xdf, 0xff, 0xff, 0xff, 0xff)],
    ['bytes that announce 2^32-1', bytesOf(0xc6, 0xff, 0xff, 0xff, 0xff)],
    ['a string that announces 2^32-1', bytesOf(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ['a length cut short', bytesOf(0xdc, 0)],
    ['a double cut short', bytesOf(0xcb, 0, 0, 0)],
    ['text that is not UTF-8', bytesOf(0xa2, 0xc3, 0x28)],
    ['long text that is not UTF-8', bytesOf(0xd9, 100, Buffer.alloc(99, 0x61), 0xff)],
    ['a key that is not UTF-8', bytesOf(0x81, 0xa1, 0xff, 1)],
  ];
  for (let format = 0xc7; format <= 0xc9; format++) {
    it(`(ext, 0x${format.toString(16)}) is refused`, () => {
      const header = [Buffer.of(1), Buffer.of(0, 1), Buffer.of(0, 0, 0, 1)][format - 0xc7] ?? Buffer.alloc(0);
      expect(thrown(() => decodeValue(bytesOf(format, header, 0, 0)))).to.be.instanceOf(ProtocolError);
    });
  }
  for (let format = 0xd4; format <= 0xd8; format++) {
    it(`(fixext 0x${format.toString(16)}) of every type is refused`, () => {
      for (let type = 0; type < 256; type++) {
        const bytes = bytesOf(format, type, Buffer.alloc(2 ** (format - 0xd4)));
        expect(thrown(() => decodeValue(bytes))).to.be.instanceOf(ProtocolError);
        expect(thrown(() => decodeValue(bytesOf(0x91, bytes)))).to.be.instanceOf(ProtocolError);
      }
    });
  }

  for (const [name, bytes] of refused) {
    it(`(${name}) is refused`, () => {
      expect(thrown(() => decodeValue(bytes))).to.be.instanceOf(ProtocolError);
    });
  }

  it('does not read on into what lies beside it', () => {
    const around = bytesOf(0xa5, 'abcSECRET');
    expect(thrown(() => decodeValue(around, 0, 4))).to.be.instanceOf(ProtocolError);
    expect(decodeValue(bytesOf('junk', 0xa3, 'abc', 'junk'), 4, 8)).to.equal('abc');
  });

  it('is refused at each of its limits, and not below', () => {
    const limits: ValueLimits = { max: 1000, nodes: 10, depth: 3, keys: 4 };
    const check = (value: unknown) => () => decodeValue(encodeValue(value), 0, undefined, limits);
    check(new Array(9).fill(1))();
    expect(thrown(check(new Array(10).fill(1)))).to.be.instanceOf(ProtocolError);
    check([[[]]])();
    expect(thrown(check([[[[]]]]))).to.be.instanceOf(ProtocolError);
    check([
      { a: 1, b: 2 },
      { a: 1, b: 2 },
    ])();
    expect(
      thrown(
        check([
          { a: 1, b: 2 },
          { a: 1, b: 2, c: 3 },
        ]),
      ),
    ).to.be.instanceOf(ProtocolError);
    check('x'.repeat(997))();
    expect(thrown(check('x'.repeat(998)))).to.be.instanceOf(ProtocolError);
  });

  it('of 200,000 nested arrays is refused without recursion', () => {
    const bytes = Buffer.alloc(200_000, 0x91);
    expect(thrown(() => decodeValue(bytes, 0, undefined, huge))).to.be.instanceOf(ProtocolError);
    expect(decodeValue(encodeValue([[1]]), 0, undefined, huge)).to.deep.equal([[1]]);
  });

  it('of 8 MiB of empty maps costs neither its time nor its memory', () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024, 0x80);
    bytes[0] = 0xdd;
    bytes.writeUInt32BE(bytes.length - 5, 1);
    const before = process.memoryUsage().heapUsed;
    const start = performance.now();
    const limits = { ...defaultLimits.value, max: bytes.length };
    expect(thrown(() => decodeValue(bytes, 0, undefined, limits))).to.be.instanceOf(ProtocolError);
    expect(performance.now() - start).to.be.below(200);
    expect(process.memoryUsage().heapUsed - before).to.be.below(16 * 1024 * 1024);
  });

  it('of random bytes is a value or a ProtocolError, and nothing is ever evaluated', () => {
    const { Function: original } = globalThis;
    let compiled = 0;
    globalThis.Function = new Proxy(original, {
      construct(target, args) {
        compiled++;
        return Reflect.construct(target, args);
      },
      apply(target, self, args) {
        compiled++;
        return Reflect.apply(target, self, args);
      },
    });
    try {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
          try {
            encodeValue(decodeValue(Buffer.from(random)));
          } catch (error) {
            expect(error).to.be.instanceOf(ProtocolError);
          }
        }),
        { numRuns: 3000 },
      );
      for (const [, bytes] of refused) thrown(() => decodeValue(bytes));
    } finally {
      globalThis.Function = original;
    }
    expect(compiled).to.equal(0);
  });

  it('that arrives is a violation', async () => {
    const peer = new HostilePeer();
    peer.frame(Tag.Value, bytesOf(0xd4, 0x72, 0x40));
    expect(await rejection(peer.comms.recvValue())).to.be.instanceOf(ProtocolError);
    expect(peer.violations.length).to.equal(1);
  });

  it('of more bytes than the receive allows is a LimitExceeded that leaves the stream in step', async () => {
    const pair = memoryComms();
    void pair.sandboxee.sendValue('x'.repeat(defaultLimits.value.max));
    void pair.sandboxee.sendValue('y'.repeat(defaultLimits.value.max));
    void pair.sandboxee.sendBool(true);
    expect(await rejection(pair.broker.recvValue())).to.be.instanceOf(LimitExceeded);
    expect(await pair.broker.recvValue({ max: 100_000 })).to.have.property('length', defaultLimits.value.max);
    expect(await pair.broker.recvBool()).to.equal(true);
    closePair(pair);
  });
});
