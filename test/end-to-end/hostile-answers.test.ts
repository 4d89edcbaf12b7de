import { expect } from 'chai';
import { HIGHEST_RATIO, HostileAnswer, receiveAnswer } from '../../examples/thumbnails/protocol.js';
import { BufferPool } from '../../protocols/buffer-pool.js';
import { MappedBuffers } from '../../protocols/mapped-buffer.js';
import { brokerMemory, closePair, memoryComms, type Pair } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';

const JOB = { kind: 'picture', width: 10, pixelLimit: true } as const;

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

  /** What comes of a sandboxee's answer, with a buffer of so many bytes behind it. */
  async function receive(answer: unknown, bytes?: number): Promise<unknown> {
    const received = receiveAnswer(pair.broker, JOB).catch((error: unknown) => error);
    await pair.sandboxee.sendValue(answer);
    if (bytes !== undefined) await pair.sandboxee.sendBuffer(await pair.sandboxee.requestBuffer(bytes));
    return received;
  }

  it('that fits the job is taken, with its pixels copied out', async () => {
    const pixels = await receive({ kind: 'pixels', width: 10, height: 4, channels: 3 }, 120);
    expect(pixels).to.deep.equal({ width: 10, height: 4, channels: 3, bytes: Buffer.alloc(120) });
  });

  it('that refuses is taken, with its reason escaped', async () => {
    expect(await receive({ kind: 'refused', reason: 'no\u001b[31m' })).to.equal('no\\u{1b}[31m');
  });

  const hostile: readonly (readonly [string, unknown, number?])[] = [
    ['wider than asked for', { kind: 'pixels', width: 11, height: 1, channels: 3 }, 33],
    ['of no width', { kind: 'pixels', width: 0, height: 1, channels: 3 }, 1],
    ['of negative height', { kind: 'pixels', width: 1, height: -1, channels: 3 }, 1],
    [
      'too high',
      { kind: 'pixels', width: 1, height: 10 * HIGHEST_RATIO + 1, channels: 3 },
      (10 * HIGHEST_RATIO + 1) * 3,
    ],
    ['with fewer bytes than pixels', { kind: 'pixels', width: 10, height: 10, channels: 3 }, 299],
    ['with more bytes than pixels', { kind: 'pixels', width: 10, height: 10, channels: 3 }, 301],
    ['of half a pixel', { kind: 'pixels', width: 1.5, height: 2, channels: 3 }],
    ['of not a number', { kind: 'pixels', width: Number.NaN, height: 2, channels: 3 }],
    ['of a bigint', { kind: 'pixels', width: 1n, height: 2, channels: 3 }],
    ['of text for a number', { kind: 'pixels', width: '1', height: 2, channels: 3 }],
    ['of five channels', { kind: 'pixels', width: 1, height: 1, channels: 5 }],
    ['without a height', { kind: 'pixels', width: 1, channels: 3 }],
    ['of another kind', { kind: 'done' }],
    ['with too long a reason', { kind: 'refused', reason: 'x'.repeat(201) }],
    ['with a reason that is no text', { kind: 'refused', reason: ['x'] }],
    ['that is no object', 'pixels'],
    ['that is nothing', null],
    ['that is a list', []],
  ];
  for (const [says, answer, bytes] of hostile) {
    it(`${says} is hostile, and its buffer is let go of`, async () => {
      expect(await receive(answer, bytes)).to.be.instanceOf(HostileAnswer);
    });
  }

  it('that is not even a value is a mismatch', async () => {
    const received = receiveAnswer(pair.broker, JOB).catch((error: unknown) => error);
    await pair.sandboxee.sendString('pixels');
    expect(await received).to.have.property('code', 'ERR_SALLYPORT_TAG_MISMATCH');
  });
});
