import { expect } from 'chai';
import fc from 'fast-check';
import { ProtocolError } from '../../protocols/errors.js';
import { encodeFrame, FrameParser } from '../../protocols/frames.js';
import { Tag } from '../../protocols/tags.js';
import { frame, thrown } from './support.js';

const MAX = 1024 * 1024;

/** A parser over a slab, fed as the endpoint feeds it: what is not consumed moves to the front. */
class Feed {
  readonly slab: Buffer;
  readonly frames: { tag: number; payload: Buffer; owned: boolean }[] = [];
  readonly parser: FrameParser;
  filled = 0;

  constructor(slabSize = 4096, maxMessage = MAX) {
    this.slab = Buffer.alloc(slabSize);
    this.parser = new FrameParser(this.slab, maxMessage, (tag, _rule, bytes, start, end, owned) => {
      this.frames.push({ tag, payload: Buffer.from(bytes.subarray(start, end)), owned });
    });
  }

  /** Feeds all of `bytes`, at most `chunk()` at a time. */
  feed(bytes: Buffer, chunk: () => number = () => bytes.length): void {
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(chunk(), this.slab.length - this.filled, bytes.length - at);
      bytes.copy(this.slab, this.filled, at, at + count);
      at += count;
      this.filled += count;
      const consumed = this.parser.push(this.filled);
      this.slab.copyWithin(0, consumed, this.filled);
      this.filled -= consumed;
      // Whoever keeps a view of the slab sees rubbish.
      this.slab.fill(0xee, this.filled);
    }
  }
}

describe('the frame parser', () => {
  it('cuts a batch of many frames', () => {
    const feed = new Feed();
    feed.feed(Buffer.concat([frame(1, Buffer.from('a')), frame(2), frame(Tag.String, Buffer.from('three'))]));
    expect(feed.frames.map(({ tag, payload }) => [tag, payload.toString()])).to.deep.equal([
      [1, 'a'],
      [2, ''],
      [Tag.String, 'three'],
    ]);
  });

  it('gets the same frames out of any chunks of the same bytes, below and above the size of the slab', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 8 });
    fc.assert(
      fc.property(
        sizes,
        fc.array(fc.integer({ min: 1, max: 6000 }), { minLength: 1, maxLength: 20 }),
        (lengths, chunks) => {
          const sent = lengths.map((length, tag) => ({ tag, payload: Buffer.alloc(length, tag + 1) }));
          const feed = new Feed(1024);
          let turn = 0;
          feed.feed(
            Buffer.concat(sent.map(({ tag, payload }) => frame(tag, payload))),
            () => chunks[turn++ % chunks.length] ?? 1,
          );
          expect(feed.frames.length).to.equal(sent.length);
          for (const [index, { tag, payload }] of sent.entries()) {
            expect(feed.frames[index]?.tag).to.equal(tag);
            expect(feed.frames[index]?.payload.equals(payload), `frame ${index}`).to.equal(true);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('works a byte at a time', () => {
    const feed = new Feed();
    feed.feed(Buffer.concat([frame(5, Buffer.from('bytes')), frame(Tag.Int8, Buffer.of(1))]), () => 1);
    expect(feed.frames.map(({ tag }) => tag)).to.deep.equal([5, Tag.Int8]);
  });

  it('agrees with the encoder', () => {
    const bytes = encodeFrame(Tag.Bytes, Buffer.from('x'));
    expect(bytes.equals(frame(Tag.Bytes, Buffer.from('x')))).to.equal(true);
  });

  for (const [name, length] of [
    ['2^63', 2n ** 63n],
    ['2^64-1', 2n ** 64n - 1n],
    ['2^53', 2n ** 53n],
    ['2^32, whose low half is 0', 2n ** 32n],
    ['one more than the limit', BigInt(MAX + 1)],
  ] as const) {
    it(`refuses a frame of ${name} bytes by its header`, () => {
      for (const tag of [0, Tag.Bytes, Tag.String, Tag.Value, Tag.Proto]) {
        const error = thrown(() => new Feed().feed(frame(tag, new Uint8Array(0), length)));
        expect(error).to.be.instanceOf(ProtocolError);
        expect(String(error)).to.contain(String(length));
      }
    });
  }

  it('refuses every length but its own for a value of fixed size', () => {
    const sizes = [
      [Tag.Bool, 1],
      [Tag.Uint16, 2],
      [Tag.Int32, 4],
      [Tag.Uint64, 8],
      [Tag.Fd, 0],
      [Tag.SharedBuffer, 16],
    ] as const;
    for (const [tag, size] of sizes) {
      for (const length of [0, 1, 2, 4, 8, 16, 100].filter((each) => each !== size)) {
        expect(
          thrown(() => new Feed().feed(frame(tag, Buffer.alloc(length)))),
          `${tag}, ${length}`,
        ).to.be.instanceOf(ProtocolError);
      }
      new Feed().feed(frame(tag, Buffer.alloc(size)));
    }
  });

  it('refuses a reserved tag that does not exist', () => {
    for (const tag of [0x80000000, 0x80000103, 0x80010003, 0xffffffff]) {
      expect(
        thrown(() => new Feed().feed(frame(tag))),
        tag.toString(16),
      ).to.be.instanceOf(ProtocolError);
    }
  });

  it('takes a frame of exactly the limit', () => {
    const feed = new Feed(4096, 10_000);
    feed.feed(frame(Tag.Bytes, Buffer.alloc(10_000, 3)), () => 700);
    expect(feed.frames[0]?.payload.equals(Buffer.alloc(10_000, 3))).to.equal(true);
  });

  it('allocates by what arrived, not by what was announced', () => {
    const feeds = Array.from({ length: 64 }, () => new Feed(4096, 256 * MAX));
    const before = process.memoryUsage().arrayBuffers;
    const header = frame(Tag.Bytes, new Uint8Array(0), BigInt(256 * MAX));
    for (const feed of feeds) feed.feed(Buffer.concat([header, Buffer.alloc(10_000)]));
    const perPeer = (process.memoryUsage().arrayBuffers - before) / feeds.length;
    expect(perPeer).to.be.below(64 * 1024);
  });

  it('gathers a large frame that comes byte by byte in memory of its own size', () => {
    const feed = new Feed(1024, MAX);
    const length = 200_000;
    const before = process.memoryUsage();
    feed.feed(frame(Tag.Bytes, Buffer.alloc(length - 1), BigInt(length)), () => 1);
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).to.be.below(4 * length);
    feed.feed(Buffer.of(0));
    expect(feed.frames[0]?.payload.length).to.equal(length);
    expect(feed.frames[0]?.owned).to.equal(true);
  });

  it('passes nothing on after stop, not even of the same batch', () => {
    const slab = Buffer.alloc(4096);
    const seen: number[] = [];
    const parser = new FrameParser(slab, MAX, (tag) => {
      seen.push(tag);
      parser.stop();
    });
    const batch = Buffer.concat([frame(1), frame(2)]);
    batch.copy(slab);
    expect(parser.push(batch.length)).to.equal(batch.length);
    expect(seen).to.deep.equal([1]);
  });
});
