import { expect } from 'chai';
import fc from 'fast-check';
import { LimitExceeded, ProtocolError } from '../../protocols/errors.js';
import { defaultLimits, type ValueLimits } from '../../protocols/limits.js';
import { decodeValue, encodeValue } from '../../protocols/msgpack.js';
import { Tag } from '../../protocols/tags.js';
import { closePair, HostilePeer, memoryComms, rejection, thrown } from './support.js';

const huge: ValueLimits = { max: 64 * 1024 * 1024, nodes: 100_000_000, depth: 32, keys: 100_000_000 };

function bytesOf(...parts: (number | string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));
}

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
