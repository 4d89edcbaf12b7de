import { expect } from 'chai';
import protobuf from 'protobufjs/light.js';
import { z } from 'zod';
import { InvalidArgument } from '../../protocols/errors.js';
import { decode, encode, type StandardSchema, t } from '../../protocols/schema/index.js';
import { thrown } from '../comms/support.js';
import { refusal } from './support.js';

const person = z.object({ name: z.string().max(10), age: z.number().int().min(0) });

describe('a value that another schema validates', () => {
  const type = t.value(person, { max: 100 });

  it('arrives as the schema says', () => {
    expect(decode(type, encode(type, { name: 'Ada', age: 36 }))).to.deep.equal({ name: 'Ada', age: 36 });
  });

  it('arrives transformed where the schema transforms', () => {
    const upper = t.value(z.string().transform((text) => text.length));
    const length: number = decode(upper, encode(upper, 'four'));
    expect(length).to.equal(4);
  });

  it('is refused on the way out, with the path that the schema gives', () => {
    expect(thrown(() => encode(t.record({ who: type }), { who: { name: 'Ada', age: -1 } })))
      .to.be.instanceOf(InvalidArgument)
      .with.property('message')
      .that.contains('who.age: ');
  });

  it('is refused on the way in, where only the receiver’s schema refuses it', () => {
    const loose = t.value(z.any(), { max: 100 });
    expect(refusal(type, encode(loose, { name: 'Ada', age: 'old' }))).to.contain('age: ');
    expect(refusal(type, encode(loose, 'x'.repeat(90)))).to.contain('refused');
  });

  it('is bounded before msgpack is decoded, and msgpack by our own decoder', () => {
    const large = encode(t.value(z.any(), { max: 1000 }), 'x'.repeat(200));
    expect(refusal(type, large)).to.contain('may have 100');
    const nested = Buffer.concat([Buffer.from([40, 0, 0, 0]), Buffer.alloc(39, 0x91), Buffer.from([0])]);
    expect(refusal(t.value(z.any()), nested)).to.contain('nests deeper');
    expect(refusal(t.value(z.any()), Buffer.from([3, 0, 0, 0, 0xd4, 1, 1]))).to.contain('extension');
  });

  it('cannot wait for a schema that answers later', () => {
    const later: StandardSchema = {
      '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('later')) },
    };
    expect(thrown(() => encode(t.value(later), 1)))
      .to.have.property('message')
      .that.contains('promise');
  });

  it('may be one of our own types, and ours may be used in theirs', () => {
    const own = t.value(t.record({ a: t.uint8() }));
    expect(decode(own, encode(own, { a: 1 }))).to.deep.equal({ a: 1 });
    expect(refusal(own, encode(t.value(z.any()), { a: 256 }))).to.contain('a: 256');
  });
});

describe('a protobuf message', () => {
  const reflected = protobuf.Root.fromJSON({
    nested: { Point: { fields: { x: { type: 'int32', id: 1 }, data: { type: 'bytes', id: 2 } } } },
  }).lookupType('Point');
  const type = t.proto<protobuf.Message>(reflected, { max: 50 });

  it('arrives, in memory of its own', () => {
    const bytes = encode(type, reflected.create({ x: 7, data: Buffer.from('abc') }));
    const received = reflected.toObject(decode(type, bytes));
    bytes.fill(0);
    expect(received.x).to.equal(7);
    expect(Buffer.from(received.data).toString()).to.equal('abc');
  });

  it('that is malformed or too large is refused', () => {
    expect(refusal(type, Buffer.from([2, 0, 0, 0, 0x0a, 0xff]))).to.contain('malformed');
    expect(thrown(() => encode(type, reflected.create({ data: Buffer.alloc(60) })))).to.be.instanceOf(InvalidArgument);
    expect(refusal(type, Buffer.concat([Buffer.from([60, 0, 0, 0]), Buffer.alloc(60)]))).to.contain('may have 50');
  });
});
