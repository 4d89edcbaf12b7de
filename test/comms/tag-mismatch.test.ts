import { expect } from 'chai';
import { FdKindError, LimitExceeded, TagMismatch } from '../../protocols/errors.js';
import { O_PATH } from '../../protocols/fd-facts.js';
import { Tag } from '../../protocols/tags.js';
import { closePair, HostilePeer, type Pair, rejection, settle, transports } from './support.js';

const DIRECTORY = 0o040755;

for (const { name, connect } of transports) {
  describe(`a message of another type than was asked for, ${name}`, () => {
    let pair: Pair;

    beforeEach(() => {
      pair = connect();
    });

    afterEach(() => closePair(pair));

    it('is a TagMismatch that names both types', async () => {
      await pair.broker.sendString('text');
      const error = await rejection(pair.sandboxee.recvInt32());
      expect(error).to.be.instanceOf(TagMismatch);
      expect(error).to.include({ expected: 'Int32', received: 'String', code: 'ERR_SALLYPORT_TAG_MISMATCH' });
    });

    it('leaves the stream in step, whatever its size', async () => {
      const sends: ((to: Pair['broker']) => Promise<void>)[] = [
        (to) => to.sendInt8(1),
        (to) => to.sendBytes(Buffer.alloc(3000)),
        (to) => to.sendValue({ a: 1 }),
        (to) => to.sendTlv(9, Buffer.alloc(1)),
      ];
      for (const send of sends) {
        void send(pair.broker);
        void pair.broker.sendUint16(77);
        expect(await rejection(pair.sandboxee.recvBool())).to.be.instanceOf(TagMismatch);
        expect(await pair.sandboxee.recvUint16()).to.equal(77);
      }
    });

    it('leaves the stream in step when the receive was waiting', async () => {
      const wrong = rejection(pair.sandboxee.recvBool());
      const right = pair.sandboxee.recvUint16();
      void pair.broker.sendString('no');
      void pair.broker.sendUint16(5);
      expect(await wrong).to.be.instanceOf(TagMismatch);
      expect(await right).to.equal(5);
    });

    it('leaves the stream in step when it is larger than the receive allows', async () => {
      void pair.broker.sendBytes(Buffer.alloc(100));
      void pair.broker.sendString('x'.repeat(100));
      void pair.broker.sendBool(true);
      expect(await rejection(pair.sandboxee.recvBytes({ max: 99 }))).to.be.instanceOf(LimitExceeded);
      expect(await rejection(pair.sandboxee.recvString({ max: 99 }))).to.be.instanceOf(LimitExceeded);
      expect(await pair.sandboxee.recvBool()).to.equal(true);
    });
  });
}

describe('a received fd that nobody takes', () => {
  let peer: HostilePeer;

  beforeEach(() => {
    peer = new HostilePeer();
  });

  afterEach(() => {
    peer.comms.close();
    expect([...peer.fds.open], 'fds left open').to.deep.equal([]);
  });

  it('is closed when another type was asked for, before and after it arrived', async () => {
    peer.frame(Tag.Fd, undefined, [peer.fds.make()]);
    expect(await rejection(peer.comms.recvInt32())).to.be.instanceOf(TagMismatch);
    expect(peer.fds.open.size).to.equal(0);

    peer.frame(Tag.Fd, undefined, [peer.fds.make()]);
    await settle();
    expect(peer.fds.open.size).to.equal(1);
    expect(await rejection(peer.comms.recvString())).to.be.instanceOf(TagMismatch);
    expect(peer.violations).to.deep.equal([]);
  });

  it('is closed when it is of another kind, and the next one is still its own', async () => {
    const socket = peer.fds.make({ mode: 0o140777, socketDomain: 1 });
    const file = peer.fds.make();
    peer.frame(Tag.Fd, undefined, [socket]);
    peer.frame(Tag.Fd, undefined, [file]);
    expect(await rejection(peer.comms.recvFd({ kind: 'file' }))).to.be.instanceOf(FdKindError);
    const received = await peer.comms.recvFd({ kind: ['pipe', 'file'] });
    expect(received.release()).to.equal(file);
    peer.fds.close(file);
  });

  it('is closed when it is a directory or O_PATH and the receive has no token', async () => {
    peer.frame(Tag.Fd, undefined, [peer.fds.make({ mode: DIRECTORY })]);
    peer.frame(Tag.Fd, undefined, [peer.fds.make({ flags: O_PATH })]);
    expect(await rejection(peer.comms.recvFd())).to.be.instanceOf(FdKindError);
    expect(await rejection(peer.comms.recvFd({ kind: 'file' }))).to.be.instanceOf(FdKindError);

    peer.frame(Tag.Fd, undefined, [peer.fds.make({ mode: DIRECTORY })]);
    const directory = await peer.comms.recvFd({ dangerouslyAllowDirectory: true });
    expect(directory.kind).to.equal('directory');
    directory.close();
  });

  it('is closed with the channel', async () => {
    peer.frame(Tag.Fd, undefined, [peer.fds.make()]);
    peer.frame(Tag.Fd, undefined, [peer.fds.make()]);
    await settle();
    peer.comms.close();
    expect(peer.fds.closed.length).to.equal(2);
  });
});
