import { expect } from 'chai';
import fc from 'fast-check';
import { closePair, codeOf, type Pair, rejection, transports } from './support.js';

for (const { name, connect } of transports) {
  describe(`comms values, ${name}`, () => {
    let pair: Pair;
    let directions: [from: Pair['broker'], to: Pair['broker']][];

    beforeEach(() => {
      pair = connect();
      directions = [
        [pair.broker, pair.sandboxee],
        [pair.sandboxee, pair.broker],
      ];
    });

    afterEach(() => closePair(pair));

    const integers = [
      { type: 'Int8', values: [-128, -1, 0, 127] },
      { type: 'Uint8', values: [0, 1, 255] },
      { type: 'Int16', values: [-32768, 0, 32767] },
      { type: 'Uint16', values: [0, 65535] },
      { type: 'Int32', values: [-2147483648, 0, 2147483647] },
      { type: 'Uint32', values: [0, 4294967295] },
    ] as const;

    for (const { type, values } of integers) {
      it(`carries ${type}, its extremes included, both ways`, async () => {
        for (const [from, to] of directions) {
          for (const value of values) {
            await from[`send${type}`](value);
            expect(await to[`recv${type}`]()).to.equal(value);
          }
        }
      });

      it(`refuses numbers that are no ${type}`, async () => {
        const outside = [Math.min(...values) - 1, Math.max(...values) + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY];
        for (const value of outside) {
          const error = await rejection(pair.broker[`send${type}`](value));
          expect(codeOf(error)).to.equal('ERR_SALLYPORT_INVALID_ARGUMENT');
        }
        await pair.broker.sendBool(true);
        expect(await pair.sandboxee.recvBool(), 'nothing of the refused was sent').to.equal(true);
      });
    }

    const bigints = [
      { type: 'Int64', values: [-(2n ** 63n), 0n, 2n ** 63n - 1n] },
      { type: 'Uint64', values: [0n, 2n ** 53n + 1n, 2n ** 64n - 1n] },
    ] as const;

    for (const { type, values } of bigints) {
      it(`carries ${type} as bigint, its extremes included, both ways`, async () => {
        for (const [from, to] of directions) {
          for (const value of values) {
            await from[`send${type}`](value);
            expect(await to[`recv${type}`]()).to.equal(value);
          }
        }
        const tooLarge = await rejection(pair.broker[`send${type}`](2n ** 64n));
        expect(codeOf(tooLarge)).to.equal('ERR_SALLYPORT_INVALID_ARGUMENT');
      });
    }

    it('carries booleans both ways', async () => {
      for (const [from, to] of directions) {
        for (const value of [true, false]) {
          await from.sendBool(value);
          expect(await to.recvBool()).to.equal(value);
        }
      }
    });

    it('carries strings, with NUL, a byte order mark and every plane, both ways', async () => {
      const texts = [
        '',
        '\0',
        'a\0b',
        '\ufeffmark',
        `\ufeff${'long'.repeat(40)}`,
        'é€😀',
        'x'.repeat(20_000),
        '😀'.repeat(9000),
      ];
      for (const [from, to] of directions) {
        for (const text of texts) {
          await from.sendString(text);
          expect(await to.recvString()).to.equal(text);
        }
      }
    });

    it('refuses to send a lone surrogate, which UTF-8 cannot carry', async () => {
      expect(codeOf(await rejection(pair.broker.sendString('a\ud800b')))).to.equal('ERR_SALLYPORT_INVALID_ARGUMENT');
    });

    it('carries bytes, empty and of a megabyte, both ways', async () => {
      const large = Buffer.alloc(name.includes('byte at a time') ? 20_000 : 1024 * 1024, 0xa5);
      for (const [from, to] of directions) {
        for (const value of [new Uint8Array(0), Buffer.from([0, 255]), large]) {
          void from.sendBytes(value);
          expect(Buffer.compare(await to.recvBytes(), value)).to.equal(0);
        }
      }
    });

    it('gives every receive memory of its own', async () => {
      await pair.broker.sendBytes(Buffer.from('first'));
      await pair.broker.sendBytes(Buffer.from('other'));
      const first = await pair.sandboxee.recvBytes();
      const second = await pair.sandboxee.recvBytes();
      first.fill(0);
      expect(second.toString()).to.equal('other');
    });

    it('carries user tags with any payload both ways', async () => {
      for (const [from, to] of directions) {
        for (const tag of [0, 7, 0x7fffffff]) {
          await from.sendTlv(tag, Buffer.from('payload'));
          const { tag: received, bytes } = await to.recvTlv();
          expect([received, bytes.toString()]).to.deep.equal([tag, 'payload']);
        }
      }
    });

    it('refuses to send a tag that is reserved', async () => {
      for (const tag of [0x80000000, 0x80000100, -1, 1.5]) {
        expect(codeOf(await rejection(pair.broker.sendTlv(tag, new Uint8Array(1))))).to.equal(
          'ERR_SALLYPORT_INVALID_ARGUMENT',
        );
      }
    });

    it('answers receives in the order of their calls, whether they came before or after the message', async () => {
      const early = [pair.sandboxee.recvInt32(), pair.sandboxee.recvString(), pair.sandboxee.recvInt32()];
      void pair.broker.sendInt32(1);
      void pair.broker.sendString('two');
      void pair.broker.sendInt32(3);
      void pair.broker.sendInt32(4);
      expect(await Promise.all(early)).to.deep.equal([1, 'two', 3]);
      expect(await pair.sandboxee.recvInt32()).to.equal(4);
    });

    it('keeps any sequence of values in order', async () => {
      const item = fc.oneof(
        fc.record({ type: fc.constant('String' as const), value: fc.string({ unit: 'grapheme', maxLength: 300 }) }),
        fc.record({ type: fc.constant('Uint32' as const), value: fc.nat() }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(item, { maxLength: 20 }), async (items) => {
          for (const each of items) {
            if (each.type === 'String') void pair.broker.sendString(each.value);
            else void pair.broker.sendUint32(each.value);
          }
          for (const each of items) {
            const received = await (each.type === 'String' ? pair.sandboxee.recvString() : pair.sandboxee.recvUint32());
            expect(received).to.equal(each.value);
          }
        }),
        { numRuns: 25 },
      );
    });
  });
}
