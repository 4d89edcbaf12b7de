import { expect } from 'chai';
import { encodeRequest } from '../../protocols/buffer-frames.js';
import { BufferQuota, LimitExceeded } from '../../protocols/errors.js';
import type { BufferHome } from '../../protocols/shared-buffer.js';
import { Tag } from '../../protocols/tags.js';
import {
  closePair,
  frame,
  HostilePeer,
  memoryComms,
  type Pair,
  rejection,
  settle,
  socketComms,
  turn,
} from './support.js';

const KiB = 1024;

describe('a flood', () => {
  it('of messages that nobody receives stays in the transport', async () => {
    const peer = new HostilePeer({ limits: { receiveHighWater: 64 * KiB, slab: 16 * KiB }, pair: { slab: 16 * KiB } });
    const message = frame(Tag.Bytes, Buffer.alloc(KiB));
    for (let count = 0; count < 2000; count++) peer.send(message);
    await settle(300);
    const unread = peer.transport.queued;
    expect(unread).to.be.above(1700 * KiB);
    peer.comms.close();
  });

  it('of empty messages is counted by what they cost, not by their bytes', async () => {
    const peer = new HostilePeer({ limits: { receiveHighWater: 64 * KiB }, pair: { slab: 4 * KiB, capacity: 1 } });
    peer.send(Buffer.concat(Array.from({ length: 20_000 }, () => frame(1))));
    await settle(300);
    expect(peer.transport.queued).to.be.above(200 * KiB);
    peer.comms.close();
  });

  it('of fds that nobody receives leaves them with the sender', async () => {
    const peer = new HostilePeer({ limits: { receiveFds: 8 }, pair: { capacity: 1 } });
    for (let count = 0; count < 200; count++) peer.frame(Tag.Fd, undefined, [peer.fds.make()]);
    await settle(300);
    expect(peer.transport.queued).to.be.above(180 * 12);
    const first = await peer.comms.recvFd();
    first.close();
    for (let count = 1; count < 200; count++) (await peer.comms.recvFd()).close();
    expect(peer.fds.open.size).to.equal(0);
    peer.comms.close();
  });

  it('is read on once it is received, to the last message', async () => {
    const pair = memoryComms({ slab: 4 * KiB }, { limits: { receiveHighWater: 8 * KiB } });
    for (let count = 0; count < 500; count++) void pair.sandboxee.sendTlv(count, Buffer.alloc(100));
    await settle(100);
    for (let count = 0; count < 500; count++) expect((await pair.broker.recvTlv()).tag).to.equal(count);
    closePair(pair);
  });

  it('of buffer requests whose answers are not read stops being read', async () => {
    let asked = 0;
    const home: BufferHome = {
      arrive: () => {
        throw new Error('not used');
      },
      depart: () => {
        throw new Error('not used');
      },
      lost: () => {},
      mapped: { used: 0, limit: 0 },
      close: () => {},
    };
    const peer = new HostilePeer({
      buffers: home,
      limits: { sendHighWater: 4 * KiB },
      pair: { capacity: KiB, slab: 4 * KiB },
      onBufferRequest: () => {
        asked++;
        throw new BufferQuota(1, 0, 'none');
      },
    });
    peer.transport.pause();
    const request = frame(Tag.BufferRequest, encodeRequest({ request: 1, mode: 'writable', size: 1 }));
    for (let count = 0; count < 20_000; count++) peer.send(request);
    await settle(300);
    expect(asked).to.be.above(0).and.below(1000);
    peer.comms.close();
  });
});

for (const [name, connect] of [
  ['in memory', (limits: object) => memoryComms({ capacity: 4 * KiB }, { limits })],
  ['over a socketpair', (limits: object) => socketComms({ limits })],
] as const) {
  describe(`backpressure, ${name}`, () => {
    let pair: Pair;

    beforeEach(() => {
      pair = connect({ sendHighWater: 64 * KiB, receiveHighWater: 64 * KiB, sendMax: 2 * KiB * KiB });
    });

    afterEach(() => closePair(pair));

    for (const [from, to] of [
      ['broker', 'sandboxee'],
      ['sandboxee', 'broker'],
    ] as const) {
      it(`makes the ${from} wait for a ${to} that does not receive, and lets it go on when it does`, async () => {
        const message = Buffer.alloc(32 * KiB, 1);
        let sent = 0;
        let waiting: Promise<void> | null = null;
        while (waiting === null && sent < 100) {
          const accepted = pair[from].sendBytes(message);
          sent++;
          const state = await Promise.race([accepted.then(() => 'accepted'), settle(20).then(() => 'waiting')]);
          if (state === 'waiting') waiting = accepted;
        }
        expect(waiting, 'sends never waited').to.not.equal(null);
        for (let count = 0; count < sent; count++) {
          expect((await pair[to].recvBytes()).length).to.equal(message.length);
        }
        await waiting;
      });
    }

    it('refuses sends that nobody awaits before they take all memory', async () => {
      const message = Buffer.alloc(512 * KiB);
      const sends: Promise<unknown>[] = [];
      for (let count = 0; count < 16; count++)
        sends.push(pair.broker.sendBytes(message).catch((error: unknown) => error));
      pair.broker.close();
      const outcomes = await Promise.all(sends);
      expect(outcomes.some((outcome) => outcome instanceof LimitExceeded && outcome.which === 'sendMax')).to.equal(
        true,
      );
    });

    it('refuses a message above the maximum at once', async () => {
      const small = connect({ maxMessage: 1000 });
      expect(await rejection(small.broker.sendBytes(Buffer.alloc(1001)))).to.be.instanceOf(LimitExceeded);
      expect(await rejection(small.broker.sendString('x'.repeat(1001)))).to.be.instanceOf(LimitExceeded);
      await small.broker.sendBytes(Buffer.alloc(1000));
      expect((await small.sandboxee.recvBytes()).length).to.equal(1000);
      closePair(small);
    });

    it('coalesces what is sent in one turn into one write', async () => {
      for (let count = 0; count < 100; count++) void pair.broker.sendInt32(count);
      await turn();
      for (let count = 0; count < 100; count++) expect(await pair.sandboxee.recvInt32()).to.equal(count);
    });
  });
}
