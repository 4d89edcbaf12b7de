import { expect } from 'chai';
import { TagMismatch } from '../../broker/index.js';
import { defaultLimits } from '../../protocols/limits.js';
import { Tag } from '../../protocols/tags.js';
import { frame } from '../comms/support.js';
import { expectProtocolViolation } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { openFiles } from '../support/processes.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { rejectionOf, sendRaw } from './support.js';

interface Case {
  readonly says: string;
  readonly bytes: Buffer;
  readonly fds?: readonly number[];
  readonly detail: RegExp;
}

const text = frame(Tag.String, Buffer.from('x'));
const many = Array.from({ length: 253 }, () => 0);
const NOT_NOW = /may not send now/;

const CASES: readonly Case[] = [
  { says: 'an fd on a String', bytes: text, fds: [0], detail: /1 fds that belong to no frame/ },
  { says: '253 fds on a String', bytes: text, fds: many, detail: /253 fds that belong to no frame/ },
  {
    says: '253 fds on the first byte of a frame',
    bytes: text.subarray(0, 1),
    fds: many,
    detail: /252 fds that belong to no frame/,
  },
  { says: 'two fds on an Fd', bytes: frame(Tag.Fd), fds: [0, 0], detail: /1 fds that belong to no frame/ },
  { says: 'an Fd without its fd', bytes: frame(Tag.Fd), detail: /Fd without its fd/ },
  {
    says: 'a SharedBuffer without its fd',
    bytes: frame(Tag.SharedBuffer, Buffer.alloc(16)),
    detail: /SharedBuffer without its fd/,
  },
  { says: 'a reserved tag that nobody defined', bytes: frame(0x80000fff), detail: /unknown tag 0x80000fff/ },
  { says: 'the highest tag', bytes: frame(0xffffffff), detail: /unknown tag 0xffffffff/ },
  { says: 'hello after go', bytes: frame(Tag.Hello, Buffer.alloc(10)), detail: NOT_NOW },
  { says: 'a filter', bytes: frame(Tag.Filter, Buffer.alloc(12)), detail: NOT_NOW },
  { says: 'a listener after go', bytes: frame(Tag.Listener), fds: [0], detail: NOT_NOW },
  { says: 'sealed after go', bytes: frame(Tag.Sealed), detail: NOT_NOW },
  { says: 'go', bytes: frame(Tag.Go), detail: NOT_NOW },
  { says: 'a failure of the gate after go', bytes: frame(Tag.GateFailed, Buffer.alloc(5)), detail: NOT_NOW },
  { says: 'a frame of the launcher’s with a pidfd', bytes: frame(Tag.Launched), fds: [0], detail: NOT_NOW },
  { says: 'the launcher’s word of an exit', bytes: frame(Tag.Exited, Buffer.alloc(4)), detail: NOT_NOW },
  { says: 'a grant of shared memory', bytes: frame(Tag.BufferGrant, Buffer.alloc(20)), fds: [0], detail: NOT_NOW },
  { says: 'a refusal of shared memory', bytes: frame(Tag.BufferRefusal, Buffer.alloc(16)), detail: NOT_NOW },
  {
    says: 'a frame of 2^63 bytes',
    bytes: frame(Tag.Bytes, Buffer.alloc(0), 2n ** 63n),
    detail: /announced a Bytes frame of 9223372036854775808 bytes/,
  },
  {
    says: 'a frame of 2^64 - 1 bytes',
    bytes: frame(7, Buffer.alloc(0), 2n ** 64n - 1n),
    detail: /user tag 7 frame of 18446744073709551615/,
  },
  {
    says: 'a frame of 2^32 bytes',
    bytes: frame(Tag.String, Buffer.alloc(0), 2n ** 32n),
    detail: /frame of 4294967296 bytes/,
  },
  {
    says: 'a frame of 2^32 + 1 bytes, of which 1 is there',
    bytes: frame(Tag.Int8, Buffer.alloc(1), 2n ** 32n + 1n),
    detail: /exactly 1/,
  },
  {
    says: 'a frame of one byte more than the maximum',
    bytes: frame(Tag.Bytes, Buffer.alloc(0), BigInt(defaultLimits.maxMessage) + 1n),
    detail: /it may have from 0 to 16777216/,
  },
  { says: 'a number of a wrong size', bytes: frame(Tag.Uint64, Buffer.alloc(7)), detail: /Uint64 frame of 7 bytes/ },
];

describe('a sandboxee that breaks the protocol', () => {
  leakGate();

  for (const { says, bytes, fds = [], detail } of CASES) {
    it(`by ${says} is ended, and what it sent is closed`, async () => {
      await using sandboxee = await launchPuppet();
      await sendRaw(sandboxee, bytes, fds);
      await expectProtocolViolation(sandboxee, detail);
    });
  }

  it('leaves every other sandboxee as it was', async () => {
    await using good = await launchPuppet();
    await using bad = await launchPuppet();
    await sendRaw(bad, frame(0x80000fff));
    await expectProtocolViolation(bad, /unknown tag/);
    expect(await perform(good, () => 'undisturbed')).to.equal('undisturbed');
  });

  for (const [says, tag, payload] of [
    ['a Bool of 2', Tag.Bool, Buffer.of(2)],
    ['a String that is not UTF-8', Tag.String, Buffer.of(0xc3, 0x28)],
  ] as const) {
    it(`by ${says} is ended once somebody receives it`, async () => {
      await using sandboxee = await launchPuppet();
      await sendRaw(sandboxee, frame(tag, payload));
      const error = await rejectionOf(tag === Tag.Bool ? sandboxee.comms.recvBool() : sandboxee.comms.recvString());
      expect(error).to.have.property('code', 'ERR_SALLYPORT_PROTOCOL');
      await expectProtocolViolation(sandboxee, /./);
    });
  }
});

describe('a sandboxee that only looks as if it broke the protocol', () => {
  leakGate();

  it('by fds on no byte at all sends nothing', async () => {
    await using sandboxee = await launchPuppet();
    const before = openFiles('self').length;
    expect(await perform(sandboxee, ({ attack }) => attack.sendWithFds(3, Buffer.alloc(0), [0, 0, 0]))).to.equal(0);
    expect(await perform(sandboxee, () => 'in step')).to.equal('in step');
    expect(openFiles('self').length).to.equal(before);
  });

  it('by another type than was asked for goes on, in step, and an fd that came so is closed', async () => {
    await using sandboxee = await launchPuppet();
    const before = openFiles('self').length;
    await sendRaw(sandboxee, frame(Tag.Fd), [0]);
    expect(await rejectionOf(sandboxee.comms.recvString())).to.be.instanceOf(TagMismatch);
    await sandboxee.comms.recvValue();
    expect(await perform(sandboxee, () => 'in step')).to.equal('in step');
    expect(openFiles('self').length).to.equal(before);
  });

  it('by bytes that come one at a time is understood', async () => {
    await using sandboxee = await launchPuppet();
    await begin(
      sandboxee,
      async ({ attack }, message: Buffer) => {
        for (const byte of message) {
          attack.sendWithFds(3, Buffer.of(byte), []);
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
      frame(Tag.String, Buffer.from('slowly does it')),
    );
    expect(await sandboxee.comms.recvString()).to.equal('slowly does it');
    expect(await sandboxee.comms.recvValue()).to.deep.equal({ value: null });
  });

  it('by an fd on the first bytes of a frame whose rest comes later is understood', async () => {
    await using sandboxee = await launchPuppet();
    await begin(
      sandboxee,
      async ({ attack }, message: Buffer) => {
        attack.sendWithFds(3, message.subarray(0, 5), [0]);
        await new Promise((resolve) => setTimeout(resolve, 20));
        attack.sendWithFds(3, message.subarray(5), []);
      },
      frame(Tag.Fd),
    );
    using file = await sandboxee.comms.recvFd({ kind: 'character-device' });
    expect(file.access).to.equal('read');
  });
});
