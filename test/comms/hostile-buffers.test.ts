import { closeSync } from 'node:fs';
import { expect } from 'chai';
import { binding } from '../../native/broker.js';
import { encodeFacts } from '../../protocols/buffer-frames.js';
import { BufferPool } from '../../protocols/buffer-pool.js';
import { ProtocolError } from '../../protocols/errors.js';
import type { BufferMode } from '../../protocols/shared-buffer.js';
import { Tag } from '../../protocols/tags.js';
import { leakGate } from '../support/leak-gate.js';
import { brokerMemory, HostilePeer, memfdOf, rejection, settle } from './support.js';

const MiB = 1024 * 1024;

describe('shared buffers of a hostile peer', () => {
  leakGate();
  let pool: BufferPool;
  let peer: HostilePeer;

  beforeEach(() => {
    pool = new BufferPool(brokerMemory, { sharedMemory: MiB, sharedBuffers: 4 });
    peer = new HostilePeer({ fds: brokerMemory, buffers: pool, pair: { closeFd: closeSync } });
  });

  afterEach(() => {
    peer.comms.close();
    pool.close();
  });

  async function expectViolation(message: RegExp): Promise<void> {
    await settle();
    expect(peer.violations.map(String).join()).to.match(message);
    expect(peer.violations[0]).to.be.instanceOf(ProtocolError);
  }

  /** What a sandboxee that was lent a buffer knows of it. */
  function lend(mode: BufferMode = 'writable', size = 1000) {
    const departed = pool.depart(pool.create(size, mode));
    return { fd: memfdOf(departed), facts: departed.facts };
  }

  it('are recognised by device and inode: another memfd is a violation', async () => {
    const { fd, facts } = lend();
    closeSync(fd);
    const forged = binding.createMemory('forged', 65536, { executable: false });
    peer.frame(Tag.SharedBuffer, encodeFacts(facts), [forged]);
    await expectViolation(/did not make/);
  });

  it('with facts that are not their own are a violation', async () => {
    for (const change of [{ id: 77 }, { size: 65536 }, { mode: 'unsafe' as const }]) {
      pool = new BufferPool(brokerMemory);
      const each = new HostilePeer({ fds: brokerMemory, buffers: pool, pair: { closeFd: closeSync } });
      const { fd, facts } = lend();
      each.frame(Tag.SharedBuffer, encodeFacts({ ...facts, ...change }), [fd]);
      await settle();
      expect(String(each.violations[0])).to.match(/not its own/);
      each.comms.close();
    }
  });

  it('that are refused before anybody looked at their fd leave none behind', async () => {
    const { fd, facts } = lend();
    const payload = encodeFacts(facts);
    payload.writeUInt32LE(3, 4);
    peer.frame(Tag.SharedBuffer, payload, [fd]);
    await expectViolation(/mode 3/);
    expect(() => closeSync(fd)).to.throw(/EBADF/);
  });

  it('sent back twice are a violation', async () => {
    const { fd, facts } = lend();
    const again = binding.duplicate(fd);
    peer.frame(Tag.SharedBuffer, encodeFacts(facts), [fd]);
    peer.frame(Tag.SharedBuffer, encodeFacts(facts), [again]);
    await expectViolation(/not its own/);
  });

  it('released without having been lent are a violation', async () => {
    const release = Buffer.alloc(4);
    release.writeUInt32LE(1);
    peer.frame(Tag.BufferRelease, release);
    await expectViolation(/does not have/);
  });

  it('asked for in a mode that does not exist, or of no or an absurd size, are a violation', async () => {
    const requests = [
      [9, 100n],
      [0, 0n],
      [0, 2n ** 63n],
    ] as const;
    for (const [mode, size] of requests) {
      const own = new HostilePeer({ fds: brokerMemory, buffers: new BufferPool(brokerMemory) });
      const payload = Buffer.alloc(16);
      payload.writeUInt32LE(mode, 4);
      payload.writeBigUInt64LE(size, 8);
      own.frame(Tag.BufferRequest, payload);
      await settle();
      expect(own.violations.length, `${mode} ${size}`).to.equal(1);
      own.comms.close();
    }
  });

  it('that nobody received go back to the pool when another type was asked for', async () => {
    const { fd, facts } = lend();
    peer.frame(Tag.SharedBuffer, encodeFacts(facts), [fd]);
    expect(await rejection(peer.comms.recvInt32())).to.have.property('code', 'ERR_SALLYPORT_TAG_MISMATCH');
    const { charged } = pool;
    using again = pool.create(1000, 'writable');
    expect(again.id).to.equal(facts.id);
    expect(pool.charged).to.equal(charged);
  });
});
