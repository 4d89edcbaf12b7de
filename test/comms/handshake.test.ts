import { closeSync, openSync } from 'node:fs';
import { expect } from 'chai';
import { ClosedError, InvalidArgument, LimitExceeded, ProtocolError } from '../../protocols/errors.js';
import { Fd } from '../../protocols/fd.js';
import {
  encodeFilter,
  encodeGateFailure,
  encodeHello,
  type Hello,
  parseFilter,
  parseGateFailure,
  parseHello,
} from '../../protocols/handshake.js';
import { Tag } from '../../protocols/tags.js';
import { closePair, HostilePeer, memoryComms, rejection, settle, socketComms, thrown, transports } from './support.js';

const hello: Hello = { protocol: 1, sdk: '0.1.0', node: 'v20.20.2', pid: 2 };

describe('handshake payloads', () => {
  it('come back as they were', () => {
    expect(parseHello(encodeHello(hello))).to.deep.equal(hello);
    expect(parseHello(encodeHello({ ...hello, node: '', pid: undefined }))).to.deep.equal({
      ...hello,
      node: '',
      pid: undefined,
    });
    const filter = parseFilter(encodeFilter({ flags: 0x1b, program: Buffer.alloc(16, 5) }));
    expect([filter.flags, Buffer.from(filter.program)]).to.deep.equal([0x1b, Buffer.alloc(16, 5)]);
    const failure = { step: 'seccomp', errno: 3, message: 'thread 77 has a filter of its own – é' };
    expect(parseGateFailure(encodeGateFailure(failure))).to.deep.equal(failure);
  });

  it('are refused where they are malformed', () => {
    const good = encodeHello(hello);
    for (let length = 0; length < good.length; length++) {
      expect(
        thrown(() => parseHello(good.subarray(0, length))),
        `cut to ${length}`,
      ).to.be.instanceOf(ProtocolError);
    }
    const control = Buffer.from(good);
    control[10] = 0x1b;
    const long = Buffer.concat([good.subarray(0, 8), Buffer.of(65), Buffer.alloc(65, 0x61), Buffer.of(0)]);
    for (const bytes of [Buffer.concat([good, Buffer.of(0)]), control, long]) {
      expect(thrown(() => parseHello(bytes))).to.be.instanceOf(ProtocolError);
    }
    for (const length of [0, 4, 5, 11, 13, 4 + 8 * 4097]) {
      expect(
        thrown(() => parseFilter(Buffer.alloc(length))),
        String(length),
      ).to.be.instanceOf(ProtocolError);
    }
    const notUtf8 = Buffer.concat([encodeGateFailure({ step: 's', errno: 0, message: '' }), Buffer.of(0xff)]);
    for (const bytes of [Buffer.alloc(3), Buffer.alloc(2000), notUtf8]) {
      expect(thrown(() => parseGateFailure(bytes))).to.be.instanceOf(ProtocolError);
    }
  });

  it('are not made of what could not be parsed', () => {
    expect(thrown(() => encodeHello({ ...hello, sdk: 'x'.repeat(65) }))).to.be.instanceOf(InvalidArgument);
    expect(thrown(() => encodeHello({ ...hello, node: 'a\nb' }))).to.be.instanceOf(InvalidArgument);
    for (const length of [0, 7, 8 * 4097]) {
      expect(thrown(() => encodeFilter({ flags: 0, program: Buffer.alloc(length) }))).to.be.instanceOf(InvalidArgument);
    }
  });

  it('cut a long failure between two characters', () => {
    const { message } = parseGateFailure(encodeGateFailure({ step: 's', errno: 1, message: 'é'.repeat(2000) }));
    expect(message).to.equal('é'.repeat(512));
  });
});

for (const { name, connect } of transports) {
  describe(`the handshake, ${name}`, () => {
    it('has data in it during start-up, and none after, until go', async () => {
      const pair = connect({ phase: 'start-up' });
      const { broker, sandboxee } = pair;
      void sandboxee.sendControl(Tag.Hello, encodeHello(hello));
      void sandboxee.sendString('early');
      expect(parseHello((await broker.recvControl(Tag.Hello)).payload)).to.deep.equal(hello);
      expect(await broker.recvString()).to.equal('early');
      await broker.sendUint8(7);
      expect(await sandboxee.recvUint8()).to.equal(7);
      for (const side of [broker, sandboxee]) {
        side.startUpOver();
        expect(await rejection(side.sendString('late'))).to.be.instanceOf(ClosedError);
      }
      void broker.sendControl(Tag.Filter, encodeFilter({ flags: 1, program: Buffer.alloc(8) }));
      await sandboxee.recvControl(Tag.Filter);
      void broker.sendControl(Tag.Go);
      await sandboxee.recvControl(Tag.Go);
      await sandboxee.sendString('open');
      expect(await broker.recvString()).to.equal('open');
      closePair(pair);
    });

    it('takes data for a violation once start-up is over', async () => {
      const pair = connect({ phase: 'start-up' });
      const { broker, sandboxee } = pair;
      broker.startUpOver();
      void sandboxee.sendString('late');
      expect(await broker.closed).to.be.instanceOf(ProtocolError);
      closePair(pair);
    });

    it('goes step by step, and data crosses once go was sent', async () => {
      const pair = connect({ phase: 'handshake' });
      const { broker, sandboxee } = pair;
      void sandboxee.sendControl(Tag.Hello, encodeHello(hello));
      expect(parseHello((await broker.recvControl(Tag.Hello)).payload)).to.deep.equal(hello);
      void broker.sendControl(Tag.Filter, encodeFilter({ flags: 1, program: Buffer.alloc(8) }));
      expect(parseFilter((await sandboxee.recvControl(Tag.Filter)).payload).flags).to.equal(1);

      expect(await rejection(broker.sendInt32(1))).to.be.instanceOf(ClosedError);
      expect(await rejection(sandboxee.sendInt32(1))).to.be.instanceOf(ClosedError);

      void sandboxee.sendControl(Tag.Sealed);
      await broker.recvControl(Tag.Sealed);
      // Go and the first message may arrive in one batch.
      void broker.sendControl(Tag.Go);
      void broker.sendInt32(1);
      await sandboxee.recvControl(Tag.Go);
      expect(await sandboxee.recvInt32()).to.equal(1);
      void sandboxee.sendInt32(2);
      expect(await broker.recvInt32()).to.equal(2);
      expect(await rejection(broker.sendControl(Tag.Go))).to.be.instanceOf(ClosedError);
      closePair(pair);
    });
  });
}

describe('the handshake with a hostile peer', () => {
  let peer: HostilePeer;

  beforeEach(() => {
    peer = new HostilePeer({ phase: 'handshake' });
  });

  afterEach(() => {
    peer.comms.close();
    expect([...peer.fds.open]).to.deep.equal([]);
  });

  async function expectViolation(message: RegExp): Promise<void> {
    await settle();
    expect(peer.violations.map(String).join()).to.match(message);
  }

  it('takes no data before go', async () => {
    peer.frame(Tag.Int32, Buffer.alloc(4));
    await expectViolation(/Int32, which it may not send now/);
  });

  it('takes no fd before go', async () => {
    peer.frame(Tag.Fd, undefined, [peer.fds.make()]);
    await expectViolation(/may not send now/);
  });

  it('lets nobody but the broker say go', async () => {
    peer.frame(Tag.Go);
    await expectViolation(/Go, which it may not send now/);
  });

  it('takes a listener with its fd only', async () => {
    peer.frame(Tag.Listener);
    await expectViolation(/Listener without its fd/);
  });

  it('hands over the listener as an owned fd', async () => {
    const listener = peer.fds.make({ mode: 0o600 });
    peer.frame(Tag.Listener, undefined, [listener]);
    const { fd } = await peer.comms.recvControl(Tag.Listener);
    expect(fd?.kind).to.equal('other');
    expect(fd?.release()).to.equal(listener);
    peer.fds.close(listener);
  });

  it('bounds what is said', async () => {
    peer.frame(Tag.Hello, Buffer.alloc(5000));
    await expectViolation(/Hello frame of 5000 bytes/);
  });

  it('may bound a frame further', async () => {
    peer.frame(Tag.Hello, Buffer.alloc(500));
    expect(await rejection(peer.comms.recvControl(Tag.Hello, { max: 100 }))).to.be.instanceOf(LimitExceeded);
  });
});

describe("the launcher's life socket", () => {
  it('carries its own frames, with their fds, and nothing else', async () => {
    const peer = new HostilePeer({ phase: 'life' });
    const pidfd = peer.fds.make({ mode: 0o600 });
    peer.frame(Tag.Launched, Buffer.from('x'), [pidfd]);
    peer.frame(Tag.Exited, Buffer.alloc(8));
    const { fd } = await peer.comms.recvControl(Tag.Launched);
    fd?.close();
    expect(peer.fds.closed).to.deep.equal([pidfd]);
    expect((await peer.comms.recvControl(Tag.Exited)).payload.length).to.equal(8);
    peer.frame(Tag.Int8, Buffer.alloc(1));
    await settle();
    expect(peer.violations.length).to.equal(1);
  });

  it('moves an fd of a control frame also when it is refused', async () => {
    const pair = memoryComms();
    const fd = Fd.adopt(openSync('/dev/null', 'r'));
    expect(await rejection(pair.sandboxee.sendControl(Tag.Listener, undefined, fd))).to.be.instanceOf(ClosedError);
    expect(thrown(() => fd.release())).to.be.instanceOf(ClosedError);
    closePair(pair);
  });

  it('carries a real fd over a socket', async () => {
    const pair = socketComms({ phase: 'handshake' });
    void pair.sandboxee.sendControl(Tag.Listener, undefined, Fd.adopt(openSync('/dev/null', 'r')));
    const { fd } = await pair.broker.recvControl(Tag.Listener);
    closeSync(fd?.release() ?? -1);
    closePair(pair);
  });
});
