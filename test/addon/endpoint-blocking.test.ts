import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import {
  broker,
  errorOf,
  eventually,
  Peer,
  type PeerOptions,
  pattern,
  reaped,
  sandboxee,
  startedPair,
  turns,
} from './support.js';

const ECONNRESET = 104;

/** A sandboxee's end, never started, and a broker's. */
function ends(options: PeerOptions = {}): [Peer, Peer] {
  const [a, b] = broker.socketpair();
  const far = new Peer(b);
  return [new Peer(a, { binding: sandboxee, ...options }), far];
}

describe('endpoint: blocking calls of a sandboxee', () => {
  leakGate();

  it('are not in the broker at all', () => {
    expect(broker.Endpoint.prototype).to.not.have.property('receiveSync');
    expect(broker.Endpoint.prototype).to.not.have.property('writeSync');
  });

  it('receive one batch through the same callback', () => {
    const [near, far] = ends();
    far.endpoint.write(Buffer.from('now'), [broker.createMemory('m', 5, { executable: false })]);
    expect(near.endpoint.receiveSync(-1)).to.equal(true);
    expect(near.received.toString()).to.equal('now');
    expect(near.fds).to.have.lengthOf(1);
    near.close();
    far.close();
    return reaped();
  });

  it('say false at the timeout', () => {
    const [near, far] = ends();
    const begun = performance.now();
    expect(near.endpoint.receiveSync(30)).to.equal(false);
    expect(performance.now() - begun).to.be.within(25, 2000);
    expect(near.endpoint.receiveSync(0)).to.equal(false);
    near.close();
    far.close();
    return reaped();
  });

  it('send what is queued while they wait for the answer', async () => {
    const [near, far] = ends();
    const request = pattern(1 << 20);
    expect(near.endpoint.write(request, [])).to.be.above(0);
    expect(near.endpoint.receiveSync(0)).to.equal(false);
    far.endpoint.start();
    for (;;) {
      near.endpoint.receiveSync(1);
      if (near.endpoint.queued === 0) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await far.until(request.length);
    expect(far.received.equals(request)).to.equal(true);
    near.close();
    far.close();
    await reaped();
  });

  it('write until all is sent, or until the timeout', async () => {
    const [near, far] = ends();
    near.endpoint.writeSync(Buffer.from('short'), [], -1);
    expect(near.endpoint.queued).to.equal(0);
    const error = errorOf(() => near.endpoint.writeSync(pattern(4 << 20), [], 20));
    expect(error.code).to.equal('ETIMEDOUT');
    expect(near.endpoint.queued).to.be.above(0);
    far.endpoint.start();
    near.endpoint.start();
    await far.until((4 << 20) + 5);
    near.close();
    far.close();
    await reaped();
  });

  it('throw EPIPE where there is nobody to write to', () => {
    const [a, b] = broker.socketpair();
    const near = new Peer(a, { binding: sandboxee });
    broker.close(b);
    expect(errorOf(() => near.endpoint.writeSync(Buffer.from('x'), [], -1)).code).to.equal('EPIPE');
    near.close();
  });

  it('report the end, and then throw rather than wait for what can never come', () => {
    const [near, far] = ends();
    far.endpoint.write(Buffer.from('bye'), []);
    far.endpoint.shutdown();
    expect(near.endpoint.receiveSync(-1)).to.equal(true);
    expect(near.endpoint.receiveSync(-1)).to.equal(true);
    expect(near.received.toString()).to.equal('bye');
    expect(near.statuses).to.deep.equal([1]);
    expect(errorOf(() => near.endpoint.receiveSync(-1)).code).to.equal('ENOTCONN');
    near.close();
    far.close();
    return reaped();
  });

  it('report a reset', () => {
    const [a, b] = broker.socketpair();
    const near = new Peer(a, { binding: sandboxee });
    near.endpoint.write(Buffer.from('unread'), []);
    broker.close(b);
    expect(near.endpoint.receiveSync(-1)).to.equal(true);
    expect(near.statuses).to.deep.equal([-ECONNRESET]);
    near.close();
  });

  it('refuse to be called by onBatch itself, and pass on what it throws', () => {
    const [near, far] = ends({
      onBatch: (peer) => {
        peer.endpoint.receiveSync(0);
        return 0;
      },
    });
    far.endpoint.write(Buffer.from('x'), []);
    expect(errorOf(() => near.endpoint.receiveSync(-1)).code).to.equal('EDEADLK');
    near.close();
    far.close();
    return reaped();
  });

  it('work in a microtask of a batch that the loop delivered', async () => {
    const answers: string[] = [];
    const [near, far] = ends({
      onBatch: (peer, filled, fds, status) => {
        const text = peer.slab.toString('latin1', 0, filled);
        if (text === 'first') queueMicrotask(() => peer.endpoint.receiveSync(-1));
        answers.push(text);
        return peer.consume(filled, fds, status);
      },
      budget: 5,
    });
    far.endpoint.write(Buffer.from('firstagain'), []);
    near.endpoint.start();
    await near.until(10);
    expect(answers).to.deep.equal(['first', 'again']);
    near.close();
    far.close();
    await reaped();
  });

  it('owe the callback of the queue that they emptied: it comes on the next turn', async () => {
    const [near, far] = startedPair({ binding: sandboxee });
    const bytes = pattern(1 << 20);
    expect(near.endpoint.write(bytes, [])).to.be.above(0);
    while (near.endpoint.queued > 0) {
      near.endpoint.receiveSync(1);
      await turns(1);
    }
    await eventually(() => near.drains > 0, 'the callback');
    await far.until(bytes.length);
    near.close();
    far.close();
    await reaped();
  });

  it('throw where the slab is full and nothing of it is consumed', () => {
    const [near, far] = ends({ slabBytes: 16, onBatch: () => 0 });
    far.endpoint.write(Buffer.alloc(64), []);
    expect(near.endpoint.receiveSync(-1)).to.equal(true);
    expect(errorOf(() => near.endpoint.receiveSync(-1)).code).to.equal('ENOBUFS');
    near.close();
    far.close();
    return reaped();
  });
});
