import { createRequire } from 'node:module';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { LimitExceeded } from '../../protocols/errors.js';
import { decodeValue, encodeValue } from '../../protocols/msgpack.js';
import { closePair, memoryComms, rejection, thrown } from './support.js';

/** The very instance that encodes our values, as another user of it in the process. */
const { Packr, addExtension }: typeof import('msgpackr') = createRequire(import.meta.url)('msgpackr/index-no-eval');

function roundTrip(value: unknown): unknown {
  return decodeValue(encodeValue(value));
}

describe('the encoding of a value', () => {
  it('goes by what a value is, and not by what its properties say', () => {
    class Bytes extends Uint8Array {
      toJSON(): string {
        return 'json';
      }
    }
    expect(roundTrip(Bytes.of(1, 2))).to.deep.equal(Buffer.of(1, 2));
    expect(roundTrip(Object.assign(Buffer.of(1, 2), { constructor: Array }))).to.deep.equal(Buffer.of(1, 2));
    expect(roundTrip(Object.assign([1, 2], { constructor: Map }))).to.deep.equal([1, 2]);
    expect(roundTrip(new (class extends Array {})(3).fill(0))).to.deep.equal([0, 0, 0]);
    expect(roundTrip(Object.create(Object.assign(Object.create(null), { constructor: Array })))).to.deep.equal({});
    expect(roundTrip({ constructor: null, toJSON: 1, hasOwnProperty: 2, length: 3, size: 4 })).to.deep.equal({
      constructor: null,
      toJSON: 1,
      hasOwnProperty: 2,
      length: 3,
      size: 4,
    });
    expect(roundTrip(runInNewContext('({ a: [1, { b: 2 }] })'))).to.deep.equal({ a: [1, { b: 2 }] });
  });

  it('reads every property once, and no inherited one', () => {
    let reads = 0;
    const value = {
      get once(): number | undefined {
        return reads++ === 0 ? 1 : undefined;
      },
    };
    expect(roundTrip(value)).to.deep.equal({ once: 1 });
    Object.defineProperty(Object.prototype, 'inherited', { value: 1, enumerable: true, configurable: true });
    let keys: string[];
    try {
      keys = Object.keys(Object(roundTrip({ hasOwnProperty: 1, own: 2 })));
    } finally {
      Reflect.deleteProperty(Object.prototype, 'inherited');
    }
    expect(keys).to.deep.equal(['hasOwnProperty', 'own']);
  });

  it('is not overwritten by what is encoded later', () => {
    const small = encodeValue({ text: 'small' });
    const large = encodeValue('large '.repeat(10_000));
    for (let length = 0; length < 20_000; length += 97) encodeValue('z'.repeat(length));
    expect(decodeValue(small)).to.deep.equal({ text: 'small' });
    expect(decodeValue(large)).to.equal('large '.repeat(10_000));
  });

  it('and that of another user of msgpackr leave each other alone', () => {
    const other = new Packr({ useRecords: false });
    const theirs: Buffer[] = [];
    const ours: Buffer[] = [];
    for (let round = 0; round < 300; round++) {
      theirs.push(other.pack({ theirs: round, text: 't'.repeat(round) }));
      ours.push(encodeValue({ ours: round, text: 'o'.repeat(round) }));
    }
    other.useBuffer(Buffer.alloc(5));
    ours.push(encodeValue({ ours: 300, text: 'o'.repeat(300) }));
    for (const [round, bytes] of ours.entries()) {
      expect(decodeValue(bytes)).to.deep.equal({ ours: round, text: 'o'.repeat(round) });
    }
    for (const [round, bytes] of theirs.entries()) {
      expect(other.unpack(bytes)).to.deep.equal({ theirs: round, text: 't'.repeat(round) });
    }
  });

  it('may happen within an encoding of theirs', () => {
    class Nested {}
    let inner: Buffer | undefined;
    addExtension({
      Class: Nested,
      type: 1,
      pack() {
        inner = encodeValue({ inner: ['x'.repeat(10_000)] });
        return Buffer.of(1, 2, 3);
      },
    });
    const outer = new Packr({ useRecords: false }).pack(['before', new Nested(), 'after']);
    expect(inner && decodeValue(inner)).to.deep.equal({ inner: ['x'.repeat(10_000)] });
    expect(outer.toString('latin1')).to.equal('\x93\xa6before\xc7\x03\x01\x01\x02\x03\xa5after');
  });

  it('is not begun where the value is larger than a message', async () => {
    const pair = memoryComms();
    const error = await rejection(pair.broker.sendValue('x'.repeat(100 * 1024 * 1024)));
    expect(error).to.be.instanceOf(LimitExceeded).and.to.include({ which: 'maxMessage' });
    await pair.broker.sendBool(true);
    expect(await pair.sandboxee.recvBool()).to.equal(true);
    closePair(pair);
    for (const value of [Buffer.alloc(100), new Array(100).fill(1), { [`${'key'.repeat(40)}`]: 1 }]) {
      expect(thrown(() => encodeValue(value, 99))).to.be.instanceOf(LimitExceeded);
    }
    expect(encodeValue(Buffer.alloc(97), 99)).to.have.length(99);
  });
});
