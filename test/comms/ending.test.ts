import { expect } from 'chai';
import { Comms } from '../../protocols/comms.js';
import { ClosedError, LimitExceeded, PeerGone } from '../../protocols/errors.js';
import { Fd } from '../../protocols/fd.js';
import { memoryPair } from '../../protocols/memory-transport.js';
import { closePair, codeOf, FakeFds, HostilePeer, type Pair, rejection, settle, transports } from './support.js';

for (const { name, connect } of transports) {
  describe(`the end of a channel, ${name}`, () => {
    let pair: Pair;

    beforeEach(() => {
      pair = connect();
    });

    afterEach(() => closePair(pair));

    it('comes after all that the peer had sent', async () => {
      await pair.sandboxee.sendInt32(1);
      await pair.sandboxee.sendString('last words');
      pair.sandboxee.close();
      expect(await pair.broker.closed).to.be.instanceOf(PeerGone);
      expect(await pair.broker.recvInt32()).to.equal(1);
      expect(await pair.broker.recvString()).to.equal('last words');
      expect(await rejection(pair.broker.recvInt32())).to.be.instanceOf(PeerGone);
      expect(await rejection(pair.broker.recvValue())).to.be.instanceOf(PeerGone);
    });

    it('may be awaited with nothing more being received, until finish() takes in what is left', async () => {
      pair.broker.hold();
      const waiting = pair.broker.recvInt32();
      let received = false;
      void waiting.then(() => {
        received = true;
      });
      await pair.sandboxee.sendInt32(1);
      await settle();
      expect(received).to.equal(false);
      pair.sandboxee.close();
      await settle();
      expect(received).to.equal(false);
      await pair.broker.finish(1000);
      expect(await waiting).to.equal(1);
      expect(await rejection(pair.broker.recvInt32())).to.be.instanceOf(PeerGone);
    });

    it('rejects every receive that waits, and every later send', async () => {
      const waiting = [rejection(pair.broker.recvInt32()), rejection(pair.broker.recvFd())];
      pair.sandboxee.close();
      for (const each of waiting) expect(await each).to.be.instanceOf(PeerGone);
      expect(codeOf(await rejection(pair.broker.sendInt32(1)))).to.equal('ERR_SALLYPORT_PEER_GONE');
    });

    it('rejects a send that waits for room', async () => {
      const accepted = rejection(pair.broker.sendBytes(Buffer.alloc(8 * 1024 * 1024)));
      pair.sandboxee.close();
      expect(await accepted).to.be.instanceOf(PeerGone);
    });

    it('carries how the peer ended, once that is known', async () => {
      pair.sandboxee.close();
      await pair.broker.closed;
      const result = { kind: 'ok', exitCode: 0 };
      pair.broker.attachResult(result);
      for (const error of [await rejection(pair.broker.recvInt32()), await rejection(pair.broker.sendInt32(1))]) {
        expect(error).to.be.instanceOf(PeerGone);
        expect(error).to.have.property('result', result);
      }
    });

    it('by close() on this side rejects what waits there, and is PeerGone on the other', async () => {
      const waiting = rejection(pair.broker.recvInt32());
      const other = rejection(pair.sandboxee.recvInt32());
      pair.broker.close();
      pair.broker.close();
      expect(await waiting).to.be.instanceOf(ClosedError);
      expect(await rejection(pair.broker.sendInt8(1))).to.be.instanceOf(ClosedError);
      expect(await other).to.be.instanceOf(PeerGone);
      expect(await pair.broker.closed).to.be.instanceOf(ClosedError);
    });

    it('by close() still sends what was sent before it', async () => {
      void pair.broker.sendString('goodbye');
      pair.broker.close();
      expect(await pair.sandboxee.recvString()).to.equal('goodbye');
    });
  });

  describe(`a receive with a signal, ${name}`, () => {
    let pair: Pair;

    beforeEach(() => {
      pair = connect();
    });

    afterEach(() => closePair(pair));

    it('rejects with the reason of a signal that is aborted already', async () => {
      const reason = new Error('too late');
      expect(await rejection(pair.broker.recvInt32({ signal: AbortSignal.abort(reason) }))).to.equal(reason);
    });

    it('rejects when it is aborted, and the message goes to the next receive', async () => {
      const controller = new AbortController();
      const given = rejection(pair.broker.recvInt32({ signal: controller.signal }));
      const next = pair.broker.recvInt32();
      controller.abort();
      expect(await given).to.have.property('name', 'AbortError');
      void pair.sandboxee.sendInt32(5);
      expect(await next).to.equal(5);
    });

    it('is not disturbed by an abort after its message', async () => {
      const controller = new AbortController();
      const received = pair.broker.recvInt32({ signal: controller.signal });
      void pair.sandboxee.sendInt32(5);
      expect(await received).to.equal(5);
      controller.abort();
    });
  });
}

describe('an fd for which the kernel has no room, since too many are in flight', () => {
  it('fails its own send, is moved all the same, and the channel goes on', async () => {
    const fds = new FakeFds();
    const [transport, other] = memoryPair({ closeFd: fds.close });
    const write = transport.write.bind(transport);
    transport.write = (bytes, sent) => {
      if (sent.length === 0) return write(bytes, sent);
      for (const fd of sent) fds.close(fd);
      throw Object.assign(new Error('ETOOMANYREFS: too many references'), { code: 'ETOOMANYREFS' });
    };
    const sender = new Comms(transport, { role: 'broker', fds }).start();
    const receiver = new Comms(other, { role: 'sandboxee', fds }).start();
    void sender.sendInt32(1);
    const error = await rejection(sender.sendFd(Fd.adopt(fds.make(), fds)));
    expect(error).to.be.instanceOf(LimitExceeded);
    void sender.sendInt32(2);
    expect([await receiver.recvInt32(), await receiver.recvInt32()]).to.deep.equal([1, 2]);
    expect(fds.open.size).to.equal(0);
    sender.close();
    receiver.close();
  });
});

describe('promises that nobody awaits', () => {
  it('do not end the process when the peer goes', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', note);
    try {
      const peer = new HostilePeer({ limits: { sendHighWater: 10 } });
      void peer.comms.recvInt32();
      void peer.comms.recvBuffer().catch(() => {});
      void peer.comms.sendBytes(Buffer.alloc(200_000));
      peer.transport.close();
      await settle();
      void peer.comms.sendInt32(1);
      void peer.comms.recvString();
      await settle();
      expect(unhandled).to.deep.equal([]);
    } finally {
      process.off('unhandledRejection', note);
      for (const listener of others) process.on('unhandledRejection', listener);
    }
  });
});
