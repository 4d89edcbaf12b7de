import { expect } from 'chai';
import { Comms } from '../../protocols/comms.js';
import { LimitExceeded, ProtocolError } from '../../protocols/errors.js';
import { closeEventually } from '../../protocols/fd-facts.js';
import { memoryPair } from '../../protocols/memory-transport.js';
import { Tag } from '../../protocols/tags.js';
import { BatchStatus } from '../../protocols/transport.js';
import { codeOf, FakeFds, frame, HostilePeer, rejection, settle, turn } from './support.js';

describe('a peer that breaks the protocol', () => {
  let peer: HostilePeer;

  beforeEach(() => {
    peer = new HostilePeer();
  });

  afterEach(() => {
    peer.comms.close();
    expect([...peer.fds.open], 'fds left open').to.deep.equal([]);
    expect(new Set(peer.fds.closed).size, 'fds closed twice').to.equal(peer.fds.closed.length);
  });

  async function expectViolation(message: RegExp): Promise<void> {
    const waiting = [rejection(peer.comms.recvInt32()), rejection(peer.comms.recvBytes())];
    await settle();
    expect(peer.violations.length, 'violations').to.equal(1);
    expect(peer.violations[0]).to.be.instanceOf(ProtocolError);
    expect(String(peer.violations[0])).to.match(message);
    for (const each of waiting) expect(await each).to.equal(peer.violations[0]);
    expect(await rejection(peer.comms.recvBool())).to.equal(peer.violations[0]);
    expect(await rejection(peer.comms.sendInt8(1))).to.equal(peer.violations[0]);
    expect(await peer.comms.closed).to.equal(peer.violations[0]);
    expect(codeOf(catchWrite())).to.equal('EPIPE');
  }

  function catchWrite(): unknown {
    try {
      peer.send(frame(1));
      return null;
    } catch (error) {
      return error;
    }
  }

  it('by a frame of 2^63 bytes ends the channel, once', async () => {
    peer.send(frame(Tag.Bytes, new Uint8Array(0), 2n ** 63n));
    await expectViolation(/9223372036854775808 bytes/);
  });

  it('by an unknown tag ends the channel, and takes back what it had sent', async () => {
    peer.frame(Tag.Fd, undefined, [peer.fds.make()]);
    peer.frame(0x80ffffff);
    await settle();
    await expectViolation(/unknown tag 0x80ffffff/);
  });

  it('by an fd on a frame that takes none ends the channel', async () => {
    peer.frame(Tag.Int32, Buffer.alloc(4), [peer.fds.make()]);
    await settle();
    await expectViolation(/belong to no frame/);
  });

  it('by two fds on a frame that takes one ends the channel', async () => {
    peer.frame(Tag.Fd, undefined, [peer.fds.make(), peer.fds.make()]);
    await settle();
    await expectViolation(/belong to no frame/);
  });

  it('by an fd frame without an fd ends the channel', async () => {
    peer.frame(Tag.Fd);
    await expectViolation(/Fd without its fd/);
  });

  it('by hoarding fds on half a frame ends the channel', async () => {
    peer.send(frame(Tag.Fd).subarray(0, 5), [peer.fds.make(), peer.fds.make()]);
    await expectViolation(/belong to no frame/);
  });

  it('by an fd on half a frame that takes none ends the channel at its header', async () => {
    peer.send(frame(Tag.Bytes, Buffer.alloc(8)).subarray(0, 13), [peer.fds.make()]);
    await expectViolation(/belong to no frame/);
  });

  it('by an fd on a frame above the size of the slab ends the channel', async () => {
    peer.send(frame(Tag.Bytes, Buffer.alloc(100), 1_000_000n), [peer.fds.make()]);
    await expectViolation(/belong to no frame/);
  });

  for (const tag of [Tag.Hello, Tag.Sealed, Tag.Go, Tag.GateFailed, Tag.Listener]) {
    it(`by a handshake frame (0x${tag.toString(16)}) after go ends the channel`, async () => {
      const carriesFd = tag === Tag.Listener;
      peer.frame(tag, Buffer.alloc(tag === Tag.Hello ? 10 : 0), carriesFd ? [peer.fds.make()] : []);
      await expectViolation(/may not send now/);
    });
  }

  it('by a frame that only the broker sends ends the channel', async () => {
    peer.frame(Tag.BufferRefusal, Buffer.alloc(16));
    await expectViolation(/BufferRefusal, which it may not send now/);
  });

  it("by one of the launcher's frames ends the channel", async () => {
    peer.frame(Tag.Exited);
    await expectViolation(/may not send now/);
  });

  it('by a Bool that is neither 0 nor 1 ends the channel', async () => {
    peer.frame(Tag.Bool, Buffer.of(2));
    expect(await rejection(peer.comms.recvBool())).to.be.instanceOf(ProtocolError);
    await expectViolation(/byte 2 as a Bool/);
  });

  for (const [name, bytes] of [
    ['a lone continuation byte', [0x80]],
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a character cut short', [0xe2, 0x82]],
    ['a character beyond the last plane', [0xf4, 0x90, 0x80, 0x80]],
  ] as const) {
    it(`by a String with ${name} ends the channel`, async () => {
      peer.frame(Tag.String, Buffer.concat([Buffer.alloc(40, 0x61), Buffer.from(bytes)]));
      expect(await rejection(peer.comms.recvString())).to.be.instanceOf(ProtocolError);
      await expectViolation(/UTF-8/);
    });
  }

  it('by frames of shared memory on a channel that carries none ends the channel', async () => {
    const release = Buffer.alloc(4);
    peer.frame(Tag.BufferRelease, release);
    await expectViolation(/carries none/);
  });

  it('by half a frame and silence holds up nobody and nothing', async () => {
    const pending = rejection(peer.comms.recvBytes());
    peer.send(frame(Tag.Bytes, Buffer.alloc(100)).subarray(0, 50));
    await settle();
    expect(peer.violations).to.deep.equal([]);
    peer.transport.close();
    expect(codeOf(await pending)).to.equal('ERR_SALLYPORT_PEER_GONE');
    expect(peer.violations, 'one that is killed in mid-frame is no offender').to.deep.equal([]);
  });

  it('while messages of its own wait to be received leaves none of them', async () => {
    peer.frame(Tag.Int32, Buffer.alloc(4));
    peer.frame(Tag.Fd);
    await settle();
    await expectViolation(/without its fd/);
  });
});

describe('a batch whose fds this process could not take', () => {
  it('ends the channel as a limit of our own, not as a violation', async () => {
    const fds = new FakeFds();
    const violations: unknown[] = [];
    const [transport] = memoryPair({});
    const comms = new Comms(transport, { role: 'broker', fds, onViolation: (error) => violations.push(error) });
    const pending = rejection(comms.recvFd());
    frame(Tag.Fd).copy(transport.slab);
    transport.onBatch(12, [fds.make()], BatchStatus.ControlTruncated);
    expect(await pending).to.be.instanceOf(LimitExceeded);
    expect(violations).to.deep.equal([]);
    expect([...fds.open]).to.deep.equal([]);
  });
});

describe('closing a received fd while the reaper is full', () => {
  it('is tried again until it succeeds', async () => {
    const fds = new FakeFds();
    let refusals = 2;
    const reaper = {
      describe: (fd: number) => fds.describe(fd),
      duplicate: (fd: number) => fds.duplicate(fd),
      close(fd: number): void {
        if (refusals-- > 0) throw Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' });
        fds.close(fd);
      },
    };
    closeEventually(reaper, fds.make());
    expect(fds.open.size).to.equal(1);
    while (fds.open.size > 0) await turn();
    expect(fds.closed.length).to.equal(1);
  });
});
