import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import {
  attacker,
  broker,
  collectGarbage,
  errorOf,
  eventually,
  Peer,
  pattern,
  reaped,
  SYS,
  startedPair,
  turns,
} from './support.js';

const ECONNRESET = 104;
const EPIPE = 32;

describe('endpoint: endings', () => {
  leakGate();

  it('gives all data first, and then the end of file, once', async () => {
    const [near, far] = startedPair();
    const sent = pattern(100_000);
    near.endpoint.write(sent, []);
    near.close();
    await far.untilEnd();
    await turns(10);
    expect(far.received.equals(sent)).to.equal(true);
    expect(far.statuses).to.deep.equal([1]);
    far.close();
    await reaped();
  });

  it('keeps the end until a paused endpoint is resumed', async () => {
    const [near, far] = startedPair(
      {},
      {
        onBatch: (peer, filled, fds, status) => {
          peer.endpoint.pause();
          return peer.consume(filled, fds, status);
        },
      },
    );
    near.endpoint.write(Buffer.from('last words'), []);
    near.close();
    await far.until(10);
    await turns(10);
    expect(far.statuses).to.deep.equal([]);
    far.endpoint.resume();
    await far.untilEnd();
    expect(far.statuses).to.deep.equal([1]);
    far.close();
    await reaped();
  });

  it('reports a reset by a peer that went without reading, after what it had said', async () => {
    const [raw, mine] = broker.socketpair();
    const peer = new Peer(mine);
    peer.endpoint.start();
    attacker().sendWithFds(raw, Buffer.from('bye'), []);
    peer.endpoint.write(Buffer.from('never read'), []);
    broker.close(raw);
    await peer.untilEnd();
    expect(peer.received.toString()).to.equal('bye');
    expect(peer.statuses).to.deep.equal([-ECONNRESET]);
    peer.close();
    await reaped();
  });

  it('throws EPIPE from write() once the peer is gone, and still delivers what it had said', async () => {
    const [near, far] = startedPair();
    near.endpoint.write(Buffer.from('bye'), []);
    near.close();
    await reaped();
    expect(errorOf(() => far.endpoint.write(Buffer.from('x'), [])).code).to.equal('EPIPE');
    expect(errorOf(() => far.endpoint.write(Buffer.from('x'), [])).code).to.equal('EPIPE');
    await far.untilEnd();
    expect(far.received.toString()).to.equal('bye');
    expect(far.statuses).to.deep.equal([1]);
    far.close();
    await reaped();
  });

  it('ends where a peer stops reading for good but stays', async () => {
    const [near, far] = startedPair();
    const SHUT_RD = 0;
    attacker().syscall(SYS.shutdown, far.fd, SHUT_RD);
    expect(errorOf(() => near.endpoint.write(Buffer.from('x'), [])).code).to.equal('EPIPE');
    await near.untilEnd();
    expect(near.statuses).to.deep.equal([-EPIPE]);
    near.close();
    far.close();
    await reaped();
  });

  for (const what of ['onBatch', 'a microtask of onBatch']) {
    it(`can be closed inside ${what}`, async () => {
      const [near, far] = startedPair(
        {},
        {
          onBatch: (peer, filled, fds, status) => {
            const close = () => peer.endpoint.close();
            if (what === 'onBatch') close();
            else queueMicrotask(close);
            return peer.consume(filled, fds, status);
          },
        },
      );
      near.endpoint.write(pattern(200_000), []);
      await near.untilEnd();
      await turns(10);
      expect(far.batches).to.equal(1);
      near.close();
      await reaped();
    });
  }

  it('can be closed inside onDrain', async () => {
    const [a, b] = broker.socketpair();
    const far = new Peer(b);
    const settings = { slab: Buffer.alloc(64), budget: 1 << 20, keepFd: false };
    let drained = false;
    const endpoint = new broker.Endpoint(
      a,
      settings,
      (filled) => filled,
      () => {
        drained = true;
        endpoint.close();
      },
    );
    endpoint.start();
    endpoint.write(pattern(1 << 20), []);
    far.endpoint.start();
    await far.untilEnd();
    expect(drained).to.equal(true);
    far.close();
    await reaped();
  });

  it('refuses everything but close() after close()', () => {
    const [near, far] = startedPair();
    near.close();
    near.close();
    for (const call of ['start', 'shutdown'] as const) {
      expect(errorOf(() => near.endpoint[call]()).code, call).to.equal('EBADF');
    }
    near.endpoint.pause();
    near.endpoint.resume();
    near.endpoint.ref();
    near.endpoint.unref();
    far.close();
    return reaped();
  });

  it('tells both sides of a shutdown()', async () => {
    const [near, far] = startedPair();
    near.endpoint.write(Buffer.from('x'), []);
    near.endpoint.shutdown();
    await far.untilEnd();
    await near.untilEnd();
    expect(far.received.toString()).to.equal('x');
    near.close();
    far.close();
    await reaped();
  });

  it('is collected, and its socket closed, where it was forgotten without start()', async () => {
    const [a, b] = broker.socketpair();
    const far = new Peer(b);
    far.endpoint.start();
    (() => new Peer(a))();
    await eventually(() => {
      collectGarbage();
      return far.statuses.length > 0;
    }, 'the end of the forgotten one');
    far.close();
    await reaped();
  });

  it('is collected, and its socket closed, where it was forgotten after its end', async () => {
    const [a, b] = broker.socketpair();
    let ended = false;
    (() => {
      const peer = new Peer(a, {
        onBatch: (self, filled, fds, status) => {
          ended = status === 1;
          return self.consume(filled, fds, status);
        },
      });
      peer.endpoint.start();
    })();
    broker.close(b);
    await eventually(() => ended, 'the end of file');
    await eventually(() => {
      collectGarbage();
      return errorCodeOf(a) === 'EBADF';
    }, 'the socket of the forgotten one to be closed');
    await reaped();
  });

  it('is not collected while it polls, though nobody else holds it', async () => {
    const [a, b] = broker.socketpair();
    const seen: number[] = [];
    (() => {
      const peer = new Peer(a, {
        onBatch: (self, filled, _fds, status) => {
          seen.push(filled);
          if (status !== 0) self.endpoint.close();
          return filled;
        },
      });
      peer.endpoint.start();
    })();
    for (let round = 0; round < 5; round++) {
      collectGarbage();
      await turns(2);
    }
    const far = new Peer(b);
    far.endpoint.write(Buffer.from('there?'), []);
    await eventually(() => seen[0] === 6, 'the batch');
    far.close();
    await reaped();
  });
});

function errorCodeOf(fd: number): string | undefined {
  try {
    broker.describe(fd);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}
