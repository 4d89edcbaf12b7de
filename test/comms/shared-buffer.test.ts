import { closeSync, writeSync } from 'node:fs';
import { expect } from 'chai';
import { binding } from '../../native/broker.js';
import { BufferPool } from '../../protocols/buffer-pool.js';
import {
  BufferQuota,
  ClosedError,
  InvalidArgument,
  LimitExceeded,
  type ProtocolError,
  UseAfterMove,
} from '../../protocols/errors.js';
import { MappedBuffers } from '../../protocols/mapped-buffer.js';
import type { BufferMode } from '../../protocols/shared-buffer.js';
import { leakGate } from '../support/leak-gate.js';
import { brokerMemory, closePair, memfdOf, type Pair, rejection, socketComms, thrown } from './support.js';

const KiB = 1024;
const MiB = 1024 * KiB;

describe('shared buffers', () => {
  leakGate();
  let pool: BufferPool;
  let pair: Pair;
  let violations: ProtocolError[];

  function connect(sharedMemory = 4 * MiB): void {
    violations = [];
    pool = new BufferPool(brokerMemory, { sharedMemory, sharedBuffers: 16 });
    pair = socketComms(
      { buffers: pool, onViolation: (error) => violations.push(error) },
      { buffers: new MappedBuffers() },
    );
  }

  beforeEach(() => connect());

  afterEach(() => {
    closePair(pair);
    expect(violations).to.deep.equal([]);
  });

  for (const mode of ['read-only', 'writable', 'unsafe'] as const) {
    it(`(${mode}) that the broker fills are read by the sandboxee`, async () => {
      const buffer = pair.broker.createBuffer(100_000, mode);
      buffer.copyIn(Buffer.from('from the broker'), 50);
      await pair.broker.sendBuffer(buffer);
      const received = await pair.sandboxee.recvBuffer();
      expect([received.size, received.mode]).to.deep.equal([100_000, mode]);
      expect(received.copyOut(50, 65).toString()).to.equal('from the broker');
      expect(Buffer.from(received.unsafeBytes().subarray(50, 65)).toString()).to.equal('from the broker');
      received.close();
    });
  }

  it('are refused, and the peer is not blamed, where this process has no fd left', async () => {
    pool = new BufferPool(
      {
        ...brokerMemory,
        duplicate: () => {
          throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
        },
      },
      { sharedMemory: MiB, sharedBuffers: 16 },
    );
    closePair(pair);
    pair = socketComms(
      { buffers: pool, onViolation: (error) => violations.push(error) },
      { buffers: new MappedBuffers() },
    );
    const error = await rejection(pair.sandboxee.requestBuffer(1000));
    expect(error).to.have.property('code', 'ERR_SALLYPORT_BUFFER_REFUSED');
    pool.close();
  });

  for (const mode of ['writable', 'unsafe'] as const) {
    it(`(${mode}) that the sandboxee asked for and filled are read by the broker`, async () => {
      const buffer = await pair.sandboxee.requestBuffer(70_000, mode);
      buffer.unsafeBytes().fill(7, 0, 69_999);
      buffer.copyIn(Buffer.of(9), 69_999);
      await pair.sandboxee.sendBuffer(buffer);
      const received = await pair.broker.recvBuffer();
      const copy = received.copyOut();
      expect([copy.length, copy[0], copy[69_998], copy[69_999]]).to.deep.equal([70_000, 7, 7, 9]);
      received.close();
    });
  }

  it('of mode read-only cannot be written by the sandboxee, by no way', async () => {
    const buffer = pair.broker.createBuffer(1000, 'read-only');
    buffer.copyIn(Buffer.from('sealed'));
    const fd = memfdOf(pool.depart(buffer));
    expect(() => writeSync(fd, 'x', 0)).to.throw(/EPERM/);
    expect(() => new binding.Mapping(fd, 1000, true)).to.throw();
    expect(() => binding.seal(fd, 8)).to.throw(/EPERM/);
    closeSync(fd);
  });

  it('have a size and a mode that exist', async () => {
    for (const [size, mode] of [[0], [-1], [1.5], [1, 'rw' as BufferMode]] as [number, BufferMode?][]) {
      expect(() => pair.broker.createBuffer(size, mode)).to.throw(InvalidArgument);
      expect(await rejection(pair.sandboxee.requestBuffer(size, mode))).to.be.instanceOf(InvalidArgument);
    }
  });

  it('have a fixed size', () => {
    for (const mode of ['read-only', 'writable', 'unsafe'] as const) {
      const buffer = pair.broker.createBuffer(1000, mode);
      const fd = memfdOf(pool.depart(buffer));
      expect(binding.describe(fd).seals & (1 | 2 | 4), 'SEAL, SHRINK, GROW').to.equal(7);
      closeSync(fd);
    }
  });

  it('have no view in the broker but for mode unsafe', () => {
    for (const mode of ['read-only', 'writable'] as const) {
      using buffer = pair.broker.createBuffer(1000, mode);
      expect(thrown(() => buffer.unsafeBytes())).to.be.instanceOf(InvalidArgument);
    }
    const buffer = pair.broker.createBuffer(1000, 'unsafe');
    const view = buffer.unsafeBytes();
    view[3] = 5;
    expect(buffer.copyOut(3, 4)[0]).to.equal(5);
    buffer.close();
    expect(view.length).to.equal(0);
  });

  it('check every range', () => {
    using buffer = pair.broker.createBuffer(1000, 'writable');
    for (const [start, end] of [
      [-1, 5],
      [5, 4],
      [0, 1001],
      [0.5, 1],
    ] as const) {
      expect(thrown(() => buffer.copyOut(start, end))).to.be.instanceOf(InvalidArgument);
    }
    for (const at of [-1, 999, 1001, 0.5, Number.NaN]) {
      expect(thrown(() => buffer.copyIn(Buffer.alloc(2), at))).to.be.instanceOf(InvalidArgument);
    }
  });

  it('move when they are sent: no use after that, and close does nothing', async () => {
    const ours = pair.broker.createBuffer(1000, 'writable');
    await pair.broker.sendBuffer(ours);
    expect(thrown(() => ours.copyOut())).to.be.instanceOf(UseAfterMove);
    expect(await rejection(pair.broker.sendBuffer(ours))).to.be.instanceOf(UseAfterMove);
    ours.close();

    const theirs = await pair.sandboxee.recvBuffer();
    const view = theirs.unsafeBytes();
    await pair.sandboxee.sendBuffer(theirs);
    expect(view.length, 'the view is detached').to.equal(0);
    expect(thrown(() => theirs.unsafeBytes())).to.be.instanceOf(UseAfterMove);
    expect(await rejection(pair.sandboxee.sendBuffer(theirs))).to.be.instanceOf(UseAfterMove);
    theirs.close();
    (await pair.broker.recvBuffer()).close();
  });

  it('cannot be used once closed, and close twice is once', async () => {
    const buffer = await pair.sandboxee.requestBuffer(1000);
    buffer.close();
    buffer.close();
    expect(thrown(() => buffer.copyOut())).to.be.instanceOf(ClosedError);
    const ours = pair.broker.createBuffer(1000);
    ours.close();
    ours.close();
    expect(thrown(() => ours.copyIn(Buffer.of(1)))).to.be.instanceOf(ClosedError);
  });

  it('are used again: thousands of requests fit the quota', async () => {
    for (let count = 0; count < 2000; count++) {
      const buffer = await pair.sandboxee.requestBuffer(MiB);
      buffer.copyIn(Buffer.from([count & 0xff]));
      await pair.sandboxee.sendBuffer(buffer);
      const received = await pair.broker.recvBuffer();
      expect(received.copyOut(0, 1)[0]).to.equal(count & 0xff);
      received.close();
    }
    expect(pool.charged).to.be.at.most(4 * MiB);
  });

  it('that the sandboxee closes without sending are used again too', async () => {
    for (let count = 0; count < 500; count++) (await pair.sandboxee.requestBuffer(MiB)).close();
    expect(pool.charged).to.be.at.most(4 * MiB);
  });

  it('are refused beyond the quota, with what is left, and granted again once something came back', async () => {
    const held = [await pair.sandboxee.requestBuffer(2 * MiB), await pair.sandboxee.requestBuffer(MiB)];
    const refused = await rejection(pair.sandboxee.requestBuffer(2 * MiB));
    expect(refused).to.be.instanceOf(BufferQuota);
    expect(refused).to.include({ asked: 2 * MiB, available: MiB });
    held[0]?.close();
    (await pair.sandboxee.requestBuffer(2 * MiB)).close();
    held[1]?.close();
  });

  it('stay charged after the sandboxee gave them back, since it may keep its mapping', async () => {
    (await pair.sandboxee.requestBuffer(2 * MiB)).close();
    (await pair.sandboxee.requestBuffer(64 * KiB, 'read-only')).close();
    expect(pool.charged).to.equal(2 * MiB + 64 * KiB);
    expect(thrown(() => pool.create(4 * MiB, 'writable'))).to.be.instanceOf(BufferQuota);
  });

  it('take a larger one where a new one of the right size would break the quota', async () => {
    (await pair.sandboxee.requestBuffer(4 * MiB)).close();
    const small = await pair.sandboxee.requestBuffer(1000);
    expect(small.size).to.equal(1000);
    small.close();
  });

  it('that the sandboxee never had are given back to the system, with what the broker wrote in them', () => {
    const buffer = pool.create(4 * MiB, 'writable');
    buffer.copyIn(Buffer.from('secret'));
    buffer.close();
    expect(pool.charged).to.equal(0);
    using next = pool.create(4 * MiB, 'writable');
    expect(next.copyOut(0, 6)).to.deep.equal(Buffer.alloc(6));
  });

  it('are bounded in number', () => {
    const held = Array.from({ length: 16 }, () => pool.create(1, 'writable'));
    expect(thrown(() => pool.create(1, 'writable'))).to.be.instanceOf(BufferQuota);
    for (const buffer of held) buffer.close();
  });

  it('are granted or refused by the hook where there is one', async () => {
    closePair(pair);
    const asked: [number, BufferMode][] = [];
    pool = new BufferPool(brokerMemory);
    pair = socketComms(
      {
        buffers: pool,
        onBufferRequest: (size, mode) => {
          asked.push([size, mode]);
          if (size > 1000) throw new Error('no more today');
          return pool.create(size, mode);
        },
      },
      { buffers: new MappedBuffers() },
    );
    (await pair.sandboxee.requestBuffer(1000, 'unsafe')).close();
    const refused = await rejection(pair.sandboxee.requestBuffer(1001));
    expect(refused).to.have.property('code', 'ERR_SALLYPORT_BUFFER_REFUSED');
    expect(String(refused), "the broker's own reason stays there").to.not.contain('no more today');
    expect(asked).to.deep.equal([
      [1000, 'unsafe'],
      [1001, 'writable'],
    ]);
  });

  it('are asked for within a bound', async () => {
    closePair(pair);
    pool = new BufferPool(brokerMemory);
    pair = socketComms({ buffers: pool }, { buffers: new MappedBuffers(), limits: { bufferRequests: 2 } });
    const both = [pair.sandboxee.requestBuffer(1), pair.sandboxee.requestBuffer(1)];
    expect(await rejection(pair.sandboxee.requestBuffer(1))).to.be.instanceOf(LimitExceeded);
    for (const buffer of await Promise.all(both)) buffer.close();
  });

  it('are asked for in the sandboxee and made in the broker, not the other way round', async () => {
    expect(await rejection(pair.broker.requestBuffer(1))).to.be.instanceOf(InvalidArgument);
    expect(thrown(() => pair.sandboxee.createBuffer(1))).to.be.instanceOf(InvalidArgument);
    for (const size of [0, -1, 1.5, 2 ** 60]) {
      expect(await rejection(pair.sandboxee.requestBuffer(size))).to.be.instanceOf(InvalidArgument);
    }
  });

  it('of one sandboxee are not sent to another, and not kept by the attempt', async () => {
    const other = new BufferPool(brokerMemory);
    const foreign = other.create(1000, 'writable');
    expect(await rejection(pair.broker.sendBuffer(foreign))).to.be.instanceOf(InvalidArgument);
    expect(thrown(() => foreign.copyOut())).to.be.instanceOf(ClosedError);
    expect(other.charged).to.equal(0);
  });

  it('that the broker holds stay readable after the sandboxee has gone', async () => {
    const buffer = await pair.sandboxee.requestBuffer(1000);
    buffer.copyIn(Buffer.from('result'));
    await pair.sandboxee.sendBuffer(buffer);
    pair.sandboxee.close();
    await pair.broker.closed;
    using received = await pair.broker.recvBuffer();
    expect(received.copyOut(0, 6).toString()).to.equal('result');
  });

  it('go back to the pool when the sandboxee asked for another type', async () => {
    const buffer = pair.broker.createBuffer(4 * MiB, 'writable');
    await pair.broker.sendBuffer(buffer);
    expect(await rejection(pair.sandboxee.recvInt32())).to.have.property('code', 'ERR_SALLYPORT_TAG_MISMATCH');
    (await pair.sandboxee.requestBuffer(4 * MiB)).close();
  });

  it('that wait for an answer reject when the broker goes', async () => {
    const pending = rejection(pair.sandboxee.requestBuffer(1000));
    pair.broker.close();
    expect(await pending).to.have.property('code', 'ERR_SALLYPORT_PEER_GONE');
  });
});
