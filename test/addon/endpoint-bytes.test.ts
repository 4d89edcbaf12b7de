import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { broker, eventually, Peer, pattern, sandboxee, startedPair, turns } from './support.js';

describe('endpoint: bytes', () => {
  leakGate();

  for (const [name, binding] of Object.entries({ broker, sandboxee })) {
    for (const size of [1, 8, 4096, 65_536, 65_537, 1 << 20, 4 << 20]) {
      it(`carries ${size} bytes there and back (${name}'s addon)`, async () => {
        const echo = (peer: Peer, filled: number, fds: number[] | null, status: number): number => {
          if (status === 0) peer.endpoint.write(peer.slab.subarray(0, filled), []);
          return peer.consume(filled, fds, status);
        };
        const [near, far] = startedPair({ binding }, { binding, onBatch: echo });
        const sent = pattern(size);
        near.endpoint.write(sent, []);
        await near.until(size);
        expect(near.received.equals(sent)).to.equal(true);
        near.close();
        far.close();
      });
    }
  }

  it('keeps the order of many writes of every size', async () => {
    const [near, far] = startedPair();
    const sent = pattern(600_000);
    for (let at = 0, size = 1; at < sent.length; size = (size * 7 + 1) % 5003) {
      near.endpoint.write(sent.subarray(at, at + size), []);
      at += size;
    }
    await far.until(sent.length);
    expect(far.received.equals(sent)).to.equal(true);
    near.close();
    far.close();
  });

  it('makes one callback of many small writes', async () => {
    const [near, far] = startedPair();
    for (let count = 0; count < 100; count++) near.endpoint.write(Buffer.from('12345678'), []);
    await far.until(800);
    expect(far.batches).to.be.at.most(2);
    near.close();
    far.close();
  });

  it('offers again, in front of what is new, what a callback did not consume', async () => {
    const seen: string[] = [];
    const [near, far] = startedPair(
      {},
      {
        onBatch: (peer, filled) => {
          seen.push(peer.slab.toString('latin1', 0, filled));
          return filled >= 6 ? 6 : 2;
        },
      },
    );
    near.endpoint.write(Buffer.from('abcd'), []);
    await eventually(() => seen.length === 1, 'the first batch');
    near.endpoint.write(Buffer.from('efgh'), []);
    await eventually(() => seen.length === 2, 'the second batch');
    expect(seen).to.deep.equal(['abcd', 'cdefgh']);
    near.close();
    far.close();
  });

  it('stops at a full slab that nobody consumes from, and goes on after resume()', async () => {
    let consuming = false;
    const [near, far] = startedPair(
      {},
      {
        slabBytes: 1024,
        onBatch: (peer, filled, fds, status) => (consuming ? peer.consume(filled, fds, status) : 0),
      },
    );
    const sent = pattern(5000);
    near.endpoint.write(sent, []);
    await eventually(() => far.batches > 0, 'the first batch');
    const batches = far.batches;
    await turns(20);
    expect(far.batches).to.equal(batches);
    consuming = true;
    far.endpoint.resume();
    await far.until(sent.length);
    expect(far.received.equals(sent)).to.equal(true);
    near.close();
    far.close();
  });

  it('reads no more than its budget in one turn', async () => {
    const perTurn: number[] = [];
    let current = 0;
    const [near, far] = startedPair(
      {},
      {
        budget: 8192,
        onBatch: (peer, filled, fds, status) => {
          if (current === 0) {
            setImmediate(() => {
              perTurn.push(current);
              current = 0;
            });
          }
          current += filled;
          return peer.consume(filled, fds, status);
        },
      },
    );
    near.endpoint.write(pattern(100_000), []);
    await far.until(100_000);
    await turns(2);
    expect(Math.max(...perTurn)).to.be.at.most(8192);
    near.close();
    far.close();
  });

  it('queues what the socket does not take, never blocks, and says when all is sent', async () => {
    const [near, far] = startedPair();
    far.endpoint.pause();
    const sent = pattern(4 << 20);
    const begun = performance.now();
    const queued = near.endpoint.write(sent, []);
    expect(performance.now() - begun).to.be.below(1000);
    expect(queued).to.be.above(3 << 20);
    expect(near.endpoint.queued).to.equal(queued);
    await turns(10);
    expect(near.drains).to.equal(0);
    expect(far.batches).to.equal(0);

    far.endpoint.resume();
    await far.until(sent.length);
    await eventually(() => near.drains > 0, 'onDrain');
    expect(near.drains).to.equal(1);
    expect(near.endpoint.queued).to.equal(0);
    expect(far.received.equals(sent)).to.equal(true);
    near.close();
    far.close();
  });

  it('reads nothing while paused', async () => {
    const [near, far] = startedPair();
    far.endpoint.pause();
    near.endpoint.write(Buffer.from('wait'), []);
    await turns(20);
    expect(far.batches).to.equal(0);
    far.endpoint.resume();
    await far.until(4);
    near.close();
    far.close();
  });

  it('offers what a pause left in the slab once it is resumed, without any new byte', async () => {
    let paused = true;
    const [near, far] = startedPair(
      {},
      {
        onBatch: (peer, filled, fds, status) => {
          if (!paused) return peer.consume(filled, fds, status);
          peer.endpoint.pause();
          return 0;
        },
      },
    );
    near.endpoint.write(Buffer.from('left over'), []);
    await eventually(() => far.batches === 1, 'the first batch');
    await turns(5);
    paused = false;
    far.endpoint.resume();
    await far.until(9);
    expect(far.received.toString()).to.equal('left over');
    near.close();
    far.close();
  });

  it('runs microtasks after each batch, when the slab is in order again', async () => {
    const order: string[] = [];
    const [near, far] = startedPair(
      {},
      {
        onBatch: (peer, filled, fds, status) => {
          order.push('batch');
          queueMicrotask(() => order.push('microtask'));
          return peer.consume(filled, fds, status);
        },
      },
    );
    near.endpoint.write(Buffer.from('x'), []);
    await eventually(() => order.length >= 2, 'a batch');
    expect(order.slice(0, 2)).to.deep.equal(['batch', 'microtask']);
    near.close();
    far.close();
  });

  it('delivers what was written before start()', async () => {
    const [a, b] = broker.socketpair();
    const near = new Peer(a);
    const far = new Peer(b);
    near.endpoint.write(Buffer.from('early'), []);
    far.endpoint.start();
    await far.until(5);
    near.close();
    far.close();
  });
});
