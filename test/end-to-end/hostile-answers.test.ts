import { expect } from 'chai';
import { HIGHEST_RATIO, HostileAnswer, Thumbnails, takePixels } from '../../examples/thumbnails/thumbnails.js';
import { BufferPool } from '../../protocols/buffer-pool.js';
import { Peer } from '../../protocols/calls/peer.js';
import { Fd } from '../../protocols/fd.js';
import { MappedBuffers } from '../../protocols/mapped-buffer.js';
import { brokerMemory, closePair, memoryComms, type Pair } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { ownPicture } from './pictures.js';

const WIDTH = 10;

describe('an answer to a thumbnails job', () => {
  leakGate();
  let pair: Pair;
  let pool: BufferPool;
  beforeEach(() => {
    pool = new BufferPool(brokerMemory);
    pair = memoryComms({ closeFd: brokerMemory.close }, { buffers: pool }, { buffers: new MappedBuffers() });
  });
  afterEach(() => {
    closePair(pair);
    pool.close();
  });

  /** What comes of an answer of the right form, with a buffer of so many bytes behind it. */
  async function receive(
    answer: { width: number; height: number; hasAlpha: boolean },
    bytes: number,
  ): Promise<unknown> {
    new Peer(pair.sandboxee).serve(Thumbnails, {
      make: async ({ source }) => {
        source.close();
        return { ...answer, pixels: await pair.sandboxee.requestBuffer(bytes) };
      },
      attack: () => {},
    });
    const thumbnails = new Peer(pair.broker).connect(Thumbnails);
    const source = Fd.open(ownPicture('dunes.webp'));
    const received = await thumbnails.make({ source, width: WIDTH, pixelLimit: true });
    try {
      return takePixels(received, WIDTH);
    } catch (error) {
      return error;
    }
  }

  it('that fits the job is taken, with its pixels copied out', async () => {
    const pixels = await receive({ width: 10, height: 4, hasAlpha: false }, 120);
    expect(pixels).to.deep.equal({ width: 10, height: 4, channels: 3, bytes: Buffer.alloc(120) });
  });

  const tooHigh = WIDTH * HIGHEST_RATIO + 1;
  const hostile: readonly (readonly [string, { width: number; height: number; hasAlpha: boolean }, number])[] = [
    ['wider than asked for', { width: 11, height: 1, hasAlpha: false }, 33],
    ['too high', { width: 1, height: tooHigh, hasAlpha: false }, tooHigh * 3],
    ['with fewer bytes than pixels', { width: 10, height: 10, hasAlpha: false }, 299],
    ['with more bytes than pixels', { width: 10, height: 10, hasAlpha: false }, 301],
    ['with an alpha that is not there', { width: 10, height: 10, hasAlpha: true }, 300],
  ];
  for (const [says, answer, bytes] of hostile) {
    it(`${says} is hostile, and its buffer is let go of`, async () => {
      expect(await receive(answer, bytes)).to.be.instanceOf(HostileAnswer);
    });
  }
});
