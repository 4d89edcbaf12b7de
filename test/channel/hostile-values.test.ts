import { expect } from 'chai';
import { ProtocolError } from '../../broker/index.js';
import { Tag } from '../../protocols/tags.js';
import { frame } from '../comms/support.js';
import { expectProtocolViolation } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet } from '../support/puppet.js';
import { rejectionOf, sendRaw } from './support.js';

const key = (name: string): Buffer => Buffer.concat([Buffer.of(0xa0 | name.length), Buffer.from(name)]);

/** msgpackr takes the last for a definition of a record, whose field names it once compiled to a function. */
const VALUES: readonly (readonly [string, Buffer])[] = [
  [
    'a key __proto__',
    Buffer.concat([Buffer.of(0x81), key('__proto__'), Buffer.of(0x81), key('polluted'), Buffer.of(0xc3)]),
  ],
  ['a key twice', Buffer.concat([Buffer.of(0x82), key('a'), Buffer.of(1), key('a'), Buffer.of(2)])],
  ['a key that is a number', Buffer.of(0x81, 0x01, 0x02)],
  ['an extension', Buffer.of(0xd4, 0x05, 0x00)],
  ['a time stamp', Buffer.of(0xd6, 0xff, 0, 0, 0, 0)],
  ['an extension of 2^32 - 1 bytes', Buffer.of(0xc9, 0xff, 0xff, 0xff, 0xff, 0x01)],
  ['a record definition', Buffer.concat([Buffer.of(0xd4, 0x72, 0x40, 0x91), key('a;process.exit()'), Buffer.of(0x01)])],
  ['the byte that msgpack does not use', Buffer.of(0xc1)],
  ['nesting without end', Buffer.alloc(40_000, 0x91)],
  ['an array of 2^32 - 1 elements', Buffer.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
  ['a map of 2^32 - 1 entries', Buffer.of(0xdf, 0xff, 0xff, 0xff, 0xff)],
  ['text that ends before its length', Buffer.of(0xdb, 0, 0, 1, 0, 0x61)],
  ['text that is not UTF-8', Buffer.of(0xa2, 0xc3, 0x28)],
  ['two values', Buffer.of(0x01, 0x02)],
  ['nothing', Buffer.alloc(0)],
];

describe('a msgpack value of a hostile sandboxee', () => {
  leakGate();

  for (const [says, payload] of VALUES) {
    it(`(${says}) is a violation, and never a value`, async () => {
      await using sandboxee = await launchPuppet();
      await sendRaw(sandboxee, frame(Tag.Value, payload));
      expect(await rejectionOf(sandboxee.comms.recvValue())).to.be.instanceOf(ProtocolError);
      await expectProtocolViolation(sandboxee, /msgpack|UTF-8/);
      expect(Object.prototype).to.not.have.property('polluted');
    });
  }
});
