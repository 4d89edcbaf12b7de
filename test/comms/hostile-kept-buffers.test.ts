import { closeSync } from 'node:fs';
import { expect } from 'chai';
import { binding } from '../../native/broker.js';
import { encodeFacts, encodeGrant, encodeId, encodeRequest } from '../../protocols/buffer-frames.js';
import { BufferPool } from '../../protocols/buffer-pool.js';
import { BufferQuota, ProtocolError } from '../../protocols/errors.js';
import { nativeFds } from '../../protocols/fd-facts.js';
import { MappedBuffers } from '../../protocols/mapped-buffer.js';
import type { BufferFacts, BufferMode } from '../../protocols/shared-buffer.js';
import { Tag } from '../../protocols/tags.js';
import { MiB } from '../../protocols/units.js';
import { leakGate } from '../support/leak-gate.js';
import { brokerMemory, HostilePeer, settle, thrown } from './support.js';

const SIZE = 1000;

describe('shared buffers by their id, of a hostile peer', () => {
  leakGate();
  let pool: BufferPool;
  let peer: HostilePeer;

  function connect(): void {
    pool = new BufferPool(brokerMemory, { sharedMemory: MiB, sharedBuffers: 4 });
    peer = new HostilePeer({ fds: brokerMemory, buffers: pool, pair: { closeFd: closeSync } });
  }

  beforeEach(connect);

  afterEach(() => {
    peer.comms.close();
    pool.close();
  });

  /** Lends one, of which the peer says that it keeps the memfd. */
  function lendKept(mode: BufferMode = 'writable', size = SIZE): BufferFacts {
    const departed = pool.depart(pool.create(size, mode));
    if (departed.fd !== null) {
      closeSync(departed.fd);
      peer.frame(Tag.BufferKept, encodeId(departed.facts.id));
    }
    return departed.facts;
  }

  async function expectViolation(message: RegExp): Promise<void> {
    await settle();
    expect(peer.violations.map(String).join()).to.match(message);
    expect(peer.violations).to.have.length(1);
    expect(peer.violations[0]).to.be.instanceOf(ProtocolError);
  }

  const facts = (id: number): Buffer => encodeFacts({ id, mode: 'writable', size: SIZE });

  it('that nobody made, or of an id out of range, are a violation', async () => {
    for (const id of [0, 2, 77, 0x7fffffff, 0xffffffff]) {
      for (const tag of [Tag.SharedBufferById, Tag.BufferKept, Tag.BufferRelease]) {
        lendKept();
        peer.frame(tag, tag === Tag.SharedBufferById ? facts(id) : encodeId(id));
        await expectViolation(/by its id, and does not keep it|which it does not have/);
        peer.comms.close();
        pool.close();
        connect();
      }
    }
  });

  it('that it was lent, and has not said that it keeps, are a violation', async () => {
    const { fd, facts: own } = pool.depart(pool.create(SIZE, 'writable'));
    closeSync(fd ?? -1);
    peer.frame(Tag.SharedBufferById, encodeFacts(own));
    await expectViolation(/does not keep it/);
  });

  it('of another size or mode than they were lent with are a violation', async () => {
    for (const change of [{ size: SIZE + 1 }, { size: 1 }, { size: 2 ** 50 }, { mode: 'unsafe' as const }]) {
      const own = lendKept();
      peer.frame(Tag.SharedBufferById, encodeFacts({ ...own, ...change }));
      await expectViolation(/not its own/);
      peer.comms.close();
      pool.close();
      connect();
    }
  });

  it('sent back twice are a violation, and the broker reads on in what it has', async () => {
    const own = lendKept();
    peer.frame(Tag.SharedBufferById, encodeFacts(own));
    await settle();
    using received = await peer.comms.recvBuffer();
    received.copyIn(Buffer.from('mine'));
    peer.frame(Tag.SharedBufferById, encodeFacts(own));
    await expectViolation(/not its own/);
    expect(received.copyOut(0, 4).toString()).to.equal('mine');
  });

  it('sent back and then released, or released twice, or released and then sent, are a violation', async () => {
    const both = [
      [Tag.SharedBufferById, Tag.BufferRelease],
      [Tag.BufferRelease, Tag.BufferRelease],
      [Tag.BufferRelease, Tag.SharedBufferById],
      [Tag.BufferRelease, Tag.BufferKept],
    ] as const;
    for (const tags of both) {
      const own = lendKept();
      for (const tag of tags) peer.frame(tag, tag === Tag.SharedBufferById ? encodeFacts(own) : encodeId(own.id));
      await expectViolation(/not its own|which it does not have/);
      peer.comms.close();
      pool.close();
      connect();
    }
  });

  it('that it says twice to keep are a violation', async () => {
    const own = lendKept();
    peer.frame(Tag.BufferKept, encodeId(own.id));
    await expectViolation(/keeps buffer 1 twice/);
  });

  it('with the facts of an earlier use are a violation: the memory is the same, and the buffer is not', async () => {
    const stale = lendKept('unsafe', 5000);
    peer.frame(Tag.BufferRelease, encodeId(stale.id));
    await settle();
    const now = lendKept('writable', SIZE);
    expect(now.id).to.equal(stale.id);
    peer.frame(Tag.SharedBufferById, encodeFacts(stale));
    await expectViolation(/not its own/);
  });

  it('are never of two owners in the broker, whatever comes in whichever order', async () => {
    const own = lendKept();
    peer.frame(Tag.SharedBufferById, encodeFacts(own));
    await settle();
    const first = await peer.comms.recvBuffer();
    using other = pool.create(SIZE, 'writable');
    expect(other.id).not.to.equal(first.id);
    first.close();
    using next = pool.create(SIZE, 'writable');
    expect(next.id).to.equal(first.id);
    expect(thrown(() => first.copyOut())).to.have.property('code', 'ERR_SALLYPORT_CLOSED');
    first.close();
    expect(next.copyOut().length).to.equal(SIZE);
  });

  it('that bring an fd are a violation, and it is closed', async () => {
    const own = lendKept();
    const fd = binding.createMemory('surplus', 65536, { executable: false });
    peer.frame(Tag.SharedBufferById, encodeFacts(own), [fd]);
    await expectViolation(/1 fds that belong to no frame/);
    await settle();
    expect(() => closeSync(fd)).to.throw(/EBADF/);
  });

  it('are granted by the broker alone', async () => {
    peer.frame(Tag.BufferGrantById, encodeGrant(1, { id: 1, mode: 'writable', size: SIZE }));
    await expectViolation(/which it may not send now/);
  });

  it('are violations on a channel that carries none', async () => {
    for (const [tag, payload] of [
      [Tag.SharedBufferById, facts(1)],
      [Tag.AttachBufferById, facts(1)],
      [Tag.BufferKept, encodeId(1)],
      [Tag.BufferRelease, encodeId(1)],
    ] as const) {
      const none = new HostilePeer();
      none.frame(tag, payload);
      await settle();
      expect(none.violations.join()).to.match(/on a channel that carries none/);
      none.comms.close();
    }
  });

  it('that are never given back are bounded by the quota, and their mappings with them', async () => {
    const lent = Array.from({ length: 4 }, () => lendKept('unsafe', MiB / 4));
    expect(thrown(() => pool.create(1, 'writable'))).to.be.instanceOf(BufferQuota);
    for (const own of lent) peer.frame(Tag.SharedBufferById, encodeFacts(own));
    await settle();
    const received = [];
    for (const _ of lent) received.push(await peer.comms.recvBuffer());
    for (const buffer of received) buffer.unsafeLastingBytes()[0] = 1;
    expect([pool.charged, pool.mapped.used]).to.deep.equal([MiB, MiB]);
    peer.comms.close();
    pool.close();
    for (const buffer of received) buffer.close();
    expect([pool.charged, pool.mapped.used]).to.deep.equal([0, 0]);
  });

  it('are asked for again and again without a memfd of the broker being opened', async () => {
    const own = lendKept();
    peer.frame(Tag.BufferRelease, encodeId(own.id));
    const sent: number[] = [];
    let fds = 0;
    peer.transport.onBatch = (filled, passed) => {
      fds += passed?.length ?? 0;
      sent.push(peer.transport.slab.readUInt32LE(0));
      return filled;
    };
    for (let request = 1; request <= 20; request += 1) {
      peer.frame(Tag.BufferRequest, encodeRequest({ request, mode: 'writable', size: SIZE }));
      await settle();
      peer.frame(Tag.BufferRelease, encodeId(own.id));
      await settle();
    }
    expect(peer.violations).to.deep.equal([]);
    expect([sent.length, new Set(sent), fds]).to.deep.equal([20, new Set([Tag.BufferGrantById]), 0]);
  });
});

describe('the memory that a sandboxee is sent', () => {
  leakGate();
  const own = { id: 1, mode: 'writable' as const, size: 4096 };
  let inside: MappedBuffers;
  let released: number[];

  beforeEach(() => {
    released = [];
    inside = new MappedBuffers(nativeFds, brokerMemory);
    inside.attach({ released: (id) => released.push(id), kept: () => {} });
  });

  afterEach(() => inside.close());

  it('is mapped only where its size is sealed, and is as large as was said', () => {
    for (const [size, seals, code] of [
      [4096, 0, 'EPERM'],
      [4096, 2, 'EPERM'],
      [4095, 6, 'EINVAL'],
    ] as const) {
      const fd = binding.createMemory('resizable', size, { executable: false });
      if (seals > 0) binding.seal(fd, seals);
      const arrived = inside.arrive(fd, own);
      expect(thrown(() => arrived.open())).to.have.property('code', code);
      expect(() => closeSync(fd)).to.throw(/EBADF/);
    }
    expect(released).to.deep.equal([1, 1, 1]);
  });

  it('is not taken by an id that means nothing, or twice', () => {
    expect(thrown(() => inside.arrive(null, own))).to.be.instanceOf(ProtocolError);
    const pool = new BufferPool(brokerMemory);
    const { fd, facts: lent } = pool.depart(pool.create(4096, 'writable'));
    const again = brokerMemory.duplicate(fd ?? -1);
    const arrived = inside.arrive(fd, lent);
    expect(thrown(() => inside.arrive(null, lent))).to.be.instanceOf(ProtocolError);
    expect(thrown(() => inside.arrive(again, lent))).to.be.instanceOf(ProtocolError);
    expect(() => closeSync(again)).to.throw(/EBADF/);
    const buffer = arrived.open();
    expect(thrown(() => inside.arrive(null, lent))).to.be.instanceOf(ProtocolError);
    buffer.close();
    inside.arrive(null, lent).discard();
    expect(thrown(() => inside.arrive(null, { ...lent, size: 65537 }).open())).to.have.property('code', 'EINVAL');
    pool.close();
  });
});
