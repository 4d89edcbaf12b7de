import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { KiB, MiB } from '../../broker/index.js';
import { callLimits } from '../../protocols/calls/limits.js';
import { service } from '../../protocols/index.js';
import { defineInterface, t } from '../../protocols/schema/index.js';
import { Tag } from '../../protocols/tags.js';
import { frame } from '../comms/support.js';
import { expectProtocolViolation } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit, launchPuppet, perform } from '../support/puppet.js';

const Blobs = defineInterface('blobs@1', {
  get: t.method({ input: { size: t.uint32() }, output: t.bytes({ max: MiB }) }),
  keep: t.method({ input: { bytes: t.bytes({ max: MiB }) } }),
  all: t.stream({ input: { size: t.uint32() }, item: t.bytes({ max: MiB }) }),
});
const BINDING = 0x80000000;

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

const connect = frame(
  Tag.Connect,
  Buffer.concat([words(BINDING), Blobs.hash, Buffer.from([Blobs.name.length]), Buffer.from(Blobs.name)]),
);
/** Writes so many calls to the socket, and then neither reads nor does anything else. It runs inside. */
const callAndSleep = (
  { attack }: Pick<Kit, 'attack'>,
  first: Buffer,
  ordinal: number,
  input: Buffer,
  count: number,
): void => {
  const send = (bytes: Buffer) => {
    for (let sent = 0; sent < bytes.length; ) {
      const result = attack.sendWithFds(3, bytes.subarray(sent, sent + 16_384), []);
      if (result > 0) sent += result;
    }
  };
  send(first);
  for (let id = 0; id < count; id++) {
    const head = Buffer.alloc(12 + 16);
    head.writeUInt32LE(0x80010046, 0);
    head.writeUInt32LE(16 + input.length, 4);
    head.writeUInt32LE(id, 12);
    head.writeUInt32LE(0x80000000, 16);
    head.writeUInt32LE(ordinal, 20);
    send(Buffer.concat([head, input]));
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000);
};

describe('a sandboxee that asks for far more than it reads', () => {
  leakGate();

  for (const [what, ordinal] of [
    ['answers', 0],
    ['streams', 2],
  ] as const) {
    it(`(of ${what}) costs the broker a bounded amount of memory, and other sandboxees nothing`, async () => {
      let made = 0;
      const make = (size: number) => {
        made += size;
        return Buffer.alloc(size);
      };
      const blobs = service(Blobs, {
        get: ({ size }) => make(size),
        keep: () => {},
        all: function* ({ size }) {
          for (;;) yield make(size);
        },
      });
      await using sandboxee = await launchPuppet({ services: [blobs] });
      let isOver = false;
      void sandboxee.result.then(() => {
        isOver = true;
      });
      await begin(sandboxee, callAndSleep, connect, ordinal, words(MiB / 4), callLimits.calls);
      // Those that were answered before the socket was full are not in flight any more.
      while (!isOver && sandboxee.usage().served.calls.used < callLimits.calls - 64) await nextTurn();
      expect(isOver).to.equal(false);
      await using other = await launchPuppet();
      expect(await perform(other, () => 'served')).to.equal('served');
      // 256 MiB were asked for, and of the streams without end: a hundredth of that may be waiting.
      expect(made).to.be.below(4 * MiB);
      expect(sandboxee.usage().queued.used).to.be.below(4 * MiB);
    });
  }

  it('is ended where it sends ten times what calls may hold', async () => {
    const kept: unknown[] = [];
    const blobs = service(Blobs, {
      get: () => Buffer.alloc(0),
      keep: ({ bytes }) => {
        kept.push(bytes);
        return new Promise<never>(() => {});
      },
      all: () => [],
    });
    await using sandboxee = await launchPuppet({ services: [blobs] });
    const bytes = Buffer.alloc(32 * KiB);
    const input = Buffer.concat([words(bytes.length), bytes]);
    await begin(sandboxee, callAndSleep, connect, 1, input, (10 * callLimits.bytes) / bytes.length);
    await expectProtocolViolation(sandboxee, /bytes and 0 fds in flight/);
    expect(kept.length).to.be.below(257);
  });
});
