import { expect } from 'chai';
import { BufferPool, type PoolOperations } from '../../protocols/buffer-pool.js';
import { InvalidArgument, type ProtocolError } from '../../protocols/errors.js';
import { nativeFds } from '../../protocols/fd-facts.js';
import { MappedBuffers } from '../../protocols/mapped-buffer.js';
import type { BufferMode, SharedBuffer } from '../../protocols/shared-buffer.js';
import { KiB, MiB } from '../../protocols/units.js';
import { reaped } from '../addon/support.js';
import { leakGate } from '../support/leak-gate.js';
import { holdings } from '../support/leaks.js';
import { brokerMemory, closePair, type Pair, rejection, settle, socketComms, thrown } from './support.js';

describe('shared buffers that go to and fro', () => {
  leakGate();
  let pool: BufferPool;
  let inside: MappedBuffers;
  let pair: Pair;
  let violations: ProtocolError[];
  let fdsSent: number;
  let mapped: number;

  function connect(mappedMemory?: number): void {
    violations = [];
    fdsSent = 0;
    mapped = 0;
    const counted: PoolOperations = {
      ...brokerMemory,
      duplicate: (fd) => {
        fdsSent += 1;
        return brokerMemory.duplicate(fd);
      },
      map: (fd, length, writable) => {
        mapped += 1;
        return brokerMemory.map(fd, length, writable);
      },
    };
    const limits = { sharedMemory: 8 * MiB, sharedBuffers: 16 };
    pool = new BufferPool(counted, mappedMemory === undefined ? limits : { ...limits, mappedMemory });
    inside = new MappedBuffers(nativeFds, counted, { ...(mappedMemory && { mappedMemory }), keptBuffers: 6 });
    pair = socketComms({ buffers: pool, onViolation: (error) => violations.push(error) }, { buffers: inside });
  }

  beforeEach(() => connect());

  afterEach(() => {
    closePair(pair);
    expect(violations).to.deep.equal([]);
  });

  async function toBroker(buffer: SharedBuffer): Promise<SharedBuffer> {
    await pair.sandboxee.sendBuffer(buffer);
    return pair.broker.recvBuffer();
  }

  async function toSandboxee(buffer: SharedBuffer): Promise<SharedBuffer> {
    await pair.broker.sendBuffer(buffer);
    return pair.sandboxee.recvBuffer();
  }

  for (const mode of ['writable', 'unsafe'] as const) {
    it(`(${mode}) send their memfd once, and are mapped once on each side`, async () => {
      for (let round = 0; round < 50; round += 1) {
        const buffer = await pair.sandboxee.requestBuffer(MiB, mode);
        buffer.unsafeBytes().fill(round);
        using received = await toBroker(buffer);
        expect(received.copyOut(MiB - 1)[0]).to.equal(round);
        if (mode === 'unsafe') expect(received.unsafeBytes()[0]).to.equal(round);
      }
      expect([fdsSent, mapped]).to.deep.equal([1, mode === 'unsafe' ? 2 : 1]);
    });
  }

  it('(read-only) that the broker fills send their memfd once too', async () => {
    for (let round = 0; round < 50; round += 1) {
      const buffer = pair.broker.createBuffer(MiB, 'read-only');
      buffer.copyIn(Buffer.of(round), 7);
      const received = await toSandboxee(buffer);
      expect(received.copyOut(7, 8)[0]).to.equal(round);
      received.close();
      await settle();
    }
    expect([fdsSent, mapped]).to.deep.equal([1, 2]);
  });

  it('cross back and forth, each time what the other has written', async () => {
    let buffer = await pair.sandboxee.requestBuffer(64 * KiB, 'unsafe');
    for (let round = 0; round < 20; round += 1) {
      buffer.copyIn(Buffer.of(round, 1));
      const there = await toBroker(buffer);
      expect([...there.copyOut(0, 2)]).to.deep.equal([round, 1]);
      there.unsafeBytes()[1] = 2;
      buffer = await toSandboxee(there);
      expect([...buffer.copyOut(0, 2)]).to.deep.equal([round, 2]);
    }
    buffer.close();
    expect(fdsSent).to.equal(1);
  });

  it('are as large, and of the mode, that each use asks for', async () => {
    for (const [size, mode] of [
      [100, 'writable'],
      [60_000, 'unsafe'],
      [1, 'writable'],
    ] as [number, BufferMode][]) {
      const buffer = await pair.sandboxee.requestBuffer(size, mode);
      expect(buffer.unsafeBytes().buffer.byteLength).to.equal(size);
      buffer.unsafeBytes().fill(9);
      using received = await toBroker(buffer);
      expect([received.size, received.mode, received.copyOut().every((byte) => byte === 9)]).to.deep.equal([
        size,
        mode,
        true,
      ]);
    }
    expect(fdsSent).to.equal(1);
  });

  it('have views that end with the hand-over, though the memory stays mapped', async () => {
    const buffer = await pair.sandboxee.requestBuffer(MiB, 'unsafe');
    const theirs = buffer.unsafeBytes();
    const there = await toBroker(buffer);
    const ours = there.unsafeBytes();
    const { sharedMappings } = holdings();
    expect([theirs.length, ours.length]).to.deep.equal([0, MiB]);
    there.close();
    expect(ours.length).to.equal(0);
    expect(holdings().sharedMappings).to.equal(sharedMappings);
  });

  it('have a lasting view where one asks for it: the same memory, whoever has the buffer, until the end', async () => {
    const buffer = await pair.sandboxee.requestBuffer(MiB, 'unsafe');
    const theirs = buffer.unsafeLastingBytes();
    const passing = buffer.unsafeBytes();
    theirs[5] = 1;
    expect(passing[5]).to.equal(1);
    const there = await toBroker(buffer);
    const ours = there.unsafeLastingBytes();
    ours[5] = 2;
    there.close();
    expect([passing.length, theirs[5], ours[5]]).to.deep.equal([0, 2, 2]);
    const again = await pair.sandboxee.requestBuffer(MiB - 1000, 'unsafe');
    expect(again.unsafeLastingBytes().buffer).to.equal(theirs.buffer);
    expect(again.unsafeLastingBytes().length).to.equal(MiB - 1000);
    again.close();
    expect(thrown(() => again.unsafeLastingBytes())).to.have.property('code', 'ERR_SALLYPORT_CLOSED');
    closePair(pair);
    await settle();
    expect([theirs.length, ours.length]).to.deep.equal([0, 0]);
  });

  it('have no lasting view in the broker either, but for mode unsafe', () => {
    for (const mode of ['read-only', 'writable'] as const) {
      using buffer = pair.broker.createBuffer(1000, mode);
      expect(thrown(() => buffer.unsafeLastingBytes())).to.be.instanceOf(InvalidArgument);
    }
  });

  it('are copied into memory that is there already', async () => {
    const target = Buffer.alloc(10, 1);
    for (const mode of ['read-only', 'writable', 'unsafe'] as const) {
      const buffer = pair.broker.createBuffer(1000, mode);
      buffer.copyIn(Buffer.from('0123456789'), 900);
      buffer.copyInto(target.subarray(0, 4), 902);
      expect(target.toString('latin1', 0, 5)).to.equal('2345\x01');
      using received = await toSandboxee(buffer);
      received.copyInto(target.subarray(1), 901);
      expect(target.toString('latin1')).to.equal('2123456789');
      for (const start of [-1, 991, 0.5, Number.NaN])
        expect(thrown(() => received.copyInto(target, start))).to.be.instanceOf(InvalidArgument);
      target.fill(1);
    }
    using buffer = pair.broker.createBuffer(1000, 'writable');
    for (const start of [-1, 991, 0.5, Number.NaN])
      expect(thrown(() => buffer.copyInto(target, start))).to.be.instanceOf(InvalidArgument);
    expect(thrown(() => buffer.copyInto('text' as never))).to.be.instanceOf(InvalidArgument);
  });

  it('go back to the pool where another type was asked for, and are still kept', async () => {
    (await pair.sandboxee.requestBuffer(MiB)).close();
    await settle();
    for (let round = 0; round < 5; round += 1) {
      await pair.broker.sendBuffer(pair.broker.createBuffer(MiB, 'writable'));
      expect(await rejection(pair.sandboxee.recvInt32())).to.have.property('code', 'ERR_SALLYPORT_TAG_MISMATCH');
      await settle();
    }
    (await pair.sandboxee.requestBuffer(MiB)).close();
    expect([fdsSent, mapped]).to.deep.equal([1, 1]);
    expect(pool.charged).to.equal(MiB);
  });

  it('that had arrived when the channel ended are received, and unmapped when they are closed', async () => {
    (await pair.sandboxee.requestBuffer(MiB)).close();
    await settle();
    const buffer = pair.broker.createBuffer(MiB, 'writable');
    buffer.copyIn(Buffer.from('last words'));
    await pair.broker.sendBuffer(buffer);
    pair.broker.close();
    await pair.sandboxee.closed;
    const received = await pair.sandboxee.recvBuffer();
    expect(received.copyOut(0, 10).toString()).to.equal('last words');
    received.close();
    expect([fdsSent, inside.mapped.used]).to.deep.equal([1, 0]);
  });

  it('stay mapped up to a bound, the last used ones, and need no memfd to be mapped again', async () => {
    closePair(pair);
    connect(2 * MiB);
    for (const home of [pool, inside]) expect(home.mapped).to.deep.equal({ used: 0, limit: 2 * MiB });
    const held = [];
    for (let count = 0; count < 4; count += 1) held.push(await pair.sandboxee.requestBuffer(MiB, 'unsafe'));
    expect(inside.mapped.used, 'of open buffers, as many as there are').to.equal(4 * MiB);
    const received = [];
    for (const buffer of held.reverse()) received.push(await toBroker(buffer));
    expect(inside.mapped.used).to.equal(2 * MiB);
    for (const buffer of received) buffer.unsafeBytes()[0] = 7;
    expect(pool.mapped.used).to.equal(4 * MiB);
    const ids = received.map(({ id }) => id);
    for (const buffer of received) buffer.close();
    expect(pool.mapped.used).to.equal(2 * MiB);

    const before = mapped;
    const again = [];
    for (let count = 0; count < 4; count += 1) again.push(await pair.sandboxee.requestBuffer(MiB, 'unsafe'));
    expect(again.map(({ id }) => id).sort()).to.deep.equal(ids.sort());
    expect(again.map((buffer) => buffer.copyOut(0, 1)[0])).to.deep.equal([7, 7, 7, 7]);
    expect([fdsSent, mapped - before], 'two had stayed').to.deep.equal([4, 2]);
    for (const buffer of again) buffer.close();
  });

  it('keep no more memfds than the limit: the others are sent each time', async () => {
    const files = async () => {
      await reaped();
      return holdings().descriptors.filter((each) => each.includes('memfd:')).length;
    };
    for (let round = 0; round < 3; round += 1) {
      const before = await files();
      const held = [];
      for (let count = 0; count < 8; count += 1) held.push(await pair.sandboxee.requestBuffer(64 * KiB));
      for (const buffer of held) {
        buffer.copyIn(Buffer.of(round));
        using received = await toBroker(buffer);
        expect(received.copyOut(0, 1)[0]).to.equal(round);
      }
      if (round === 0) continue;
      expect(await files(), 'what was sent is closed').to.equal(before);
    }
    expect([fdsSent, inside.mapped.used]).to.deep.equal([8 + 2 + 2, 6 * 64 * KiB]);
  });

  it('of which the sandboxee can map none are refused there, and not lost', async () => {
    closePair(pair);
    let refuse = true;
    pool = new BufferPool(brokerMemory, { sharedMemory: MiB, sharedBuffers: 1 });
    inside = new MappedBuffers(nativeFds, {
      map: (fd, length, writable) => {
        if (refuse) throw new Error('no address space');
        return brokerMemory.map(fd, length, writable);
      },
    });
    pair = socketComms({ buffers: pool }, { buffers: inside });
    for (let count = 0; count < 3; count += 1)
      expect(String(await rejection(pair.sandboxee.requestBuffer(MiB)))).to.match(/no address space/);
    refuse = false;
    (await pair.sandboxee.requestBuffer(MiB)).close();
  });
});
