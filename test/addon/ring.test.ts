import { ftruncateSync } from 'node:fs';
import { expect } from 'chai';
import { makeRingMemory } from '../../broker/ring-offer.js';
import { leakGate } from '../support/leak-gate.js';
import { CAPACITY, ringPair, SIZE } from './ring-support.js';
import { broker, errorOf, eventually, Peer, pattern, reaped, sandboxee, startedPair, turns } from './support.js';

const FOREVER = -1;

describe('endpoint: rings', () => {
  leakGate();

  for (const [name, spin] of [
    ['that sleeps at once', 0],
    ['that spins', 100_000],
  ] as const) {
    it(`carry many times their size both ways at once, in writes of every size, to a reader ${name}`, async () => {
      const [a, b] = ringPair({}, {}, spin);
      const bytes = pattern(40 * CAPACITY);
      for (const peer of [a, b]) {
        let step = 1;
        for (let at = 0; at < bytes.length; at += step) {
          step = (step * 7 + 3) % (3 * CAPACITY);
          peer.endpoint.write(bytes.subarray(at, at + step), []);
        }
      }
      await Promise.all([a.until(bytes.length), b.until(bytes.length)]);
      expect(a.received.equals(bytes)).to.equal(true);
      expect(b.received.equals(bytes)).to.equal(true);
      await eventually(() => a.drains > 0 && b.drains > 0, 'the queues to drain');
      expect([a.endpoint.queued, b.endpoint.queued]).to.deep.equal([0, 0]);
      a.close();
      b.close();
    });
  }

  it('bring each fd no later than the first byte of what it was written with, and in order', async () => {
    const places: number[] = [];
    let taken = 0;
    const [a, b] = ringPair(
      {},
      {
        onBatch: (peer, filled, fds, status) => {
          for (const fd of fds ?? []) {
            expect(peer.byteCount + filled).to.be.greaterThan(places[taken] ?? 0);
            expect(broker.describe(fd).size).to.equal(BigInt(taken));
            taken += 1;
            broker.close(fd);
          }
          peer.chunks.push(Buffer.from(peer.slab.subarray(0, filled)));
          if (status !== 0) peer.statuses.push(status);
          return filled;
        },
      },
    );
    const bytes = pattern(997);
    for (let index = 0; index < 400; index += 1) {
      places.push(index * 2 * bytes.length);
      a.endpoint.write(bytes, [broker.createMemory('m', index, { executable: false })]);
      a.endpoint.write(bytes, []);
    }
    await b.until(800 * bytes.length);
    expect(taken).to.equal(400);
    expect(b.statuses).to.deep.equal([]);
    a.close();
    b.close();
    await reaped();
  });

  it('give what was written before the end, and then the end', async () => {
    const [a, b] = ringPair();
    a.endpoint.write(pattern(CAPACITY), []);
    a.close();
    await b.untilEnd();
    expect(b.received.equals(pattern(CAPACITY))).to.equal(true);
    expect(b.statuses).to.deep.equal([1]);
    b.close();
  });

  it('hold what nobody reads to their size, and wake the writer once there is room', async () => {
    const [a, b] = ringPair();
    b.endpoint.pause();
    const bytes = pattern(3 * CAPACITY);
    expect(a.endpoint.write(bytes, [])).to.equal(2 * CAPACITY);
    await turns(20);
    expect([b.byteCount, a.endpoint.queued]).to.deep.equal([0, 2 * CAPACITY]);
    b.endpoint.resume();
    await b.until(bytes.length);
    expect(b.received.equals(bytes)).to.equal(true);
    a.close();
    b.close();
  });

  it('are read and written by the blocking forms', async () => {
    const [a, b] = ringPair();
    a.endpoint.write(Buffer.from('question'), []);
    expect(b.endpoint.receiveSync(FOREVER)).to.equal(true);
    expect(b.received.toString()).to.equal('question');
    expect(b.endpoint.receiveSync(1)).to.equal(false);
    b.endpoint.writeSync(Buffer.from('answer'), [], FOREVER);
    await a.until(6);
    expect(a.received.toString()).to.equal('answer');
    const full = pattern(3 * CAPACITY);
    a.endpoint.pause();
    expect(errorOf(() => b.endpoint.writeSync(full, [], 5)).code).to.equal('ETIMEDOUT');
    a.endpoint.resume();
    await a.until(6 + full.length);
    a.close();
    b.close();
  });

  it('carry what is published to a reader that is awake, and to one that sleeps with the next write', async () => {
    const [a, b] = ringPair();
    const bytes = pattern(CAPACITY);
    a.endpoint.write(bytes.subarray(0, 10), []);
    await b.until(10);
    for (let at = 10; at < bytes.length; at += 1000) {
      const part = bytes.subarray(at, at + 1000);
      a.endpoint.publish(bytes.subarray(at), part.length);
    }
    await turns(5);
    expect(b.byteCount).to.equal(10);
    a.endpoint.write(Buffer.alloc(0), []);
    await b.until(bytes.length);
    expect(b.received.equals(bytes)).to.equal(true);
    expect(errorOf(() => a.endpoint.publish(bytes, bytes.length + 1))).to.be.instanceOf(RangeError);
    expect(errorOf(() => a.endpoint.publish('text' as never, 1))).to.be.instanceOf(TypeError);
    expect(errorOf(() => a.endpoint.publish(bytes, -1))).to.be.instanceOf(RangeError);
    a.close();
    expect(errorOf(() => a.endpoint.publish(bytes, 1)).code).to.equal('EBADF');
    b.close();
  });

  for (const spin of [0, 100_000]) {
    it(`are read no further in one turn than its budget (${spin > 0 ? 'spinning' : 'sleeping'})`, async () => {
      const budget = 16 * 1024;
      const turn: number[] = [];
      const [a, b] = ringPair(
        {},
        {
          budget,
          onBatch: (peer, filled, fds, status) => {
            if (turn.length === 0) setImmediate(() => turn.splice(0));
            turn.push(filled);
            const sum = turn.reduce((total, bytes) => total + bytes, 0);
            expect(sum).to.be.at.most(budget);
            return peer.consume(filled, fds, status);
          },
        },
        spin,
      );
      a.endpoint.write(pattern(CAPACITY), []);
      await b.until(CAPACITY);
      a.close();
      b.close();
    });
  }

  it('take what was queued meanwhile back to the socket where the peer does without', async () => {
    const [a, b] = startedPair();
    const memory = makeRingMemory(SIZE);
    a.endpoint.mapRing(memory, { capacity: CAPACITY, broker: true, spin: 0 });
    a.endpoint.writeRing();
    a.endpoint.write(Buffer.from('first '), [memory]);
    a.endpoint.write(Buffer.from('second'), []);
    await turns(5);
    expect(b.byteCount).to.equal(0);
    a.endpoint.dropRing();
    await b.until(12);
    expect([b.received.toString(), b.fds.length]).to.deep.equal(['first second', 1]);
    a.close();
    b.close();
    await reaped();
  });

  it('are of memory that nobody can resize', () => {
    const memory = makeRingMemory(SIZE);
    expect(errorOf(() => ftruncateSync(memory, 0)).code).to.equal('EPERM');
    expect(errorOf(() => ftruncateSync(memory, 2 * SIZE)).code).to.equal('EPERM');
    expect(errorOf(() => broker.seal(memory, 8)).code).to.equal('EPERM');
    broker.close(memory);
  });

  it('are refused in memory that can be resized, or is too small, and in sizes that are no power of two', () => {
    const [a, b] = broker.socketpair();
    const { endpoint } = new Peer(a, { binding: sandboxee });
    const unsealed = broker.createMemory('m', SIZE, { executable: false });
    const small = makeRingMemory(SIZE - 4096);
    const options = { capacity: CAPACITY, broker: false, spin: 0 };
    expect(errorOf(() => endpoint.mapRing(unsealed, options)).code).to.equal('EPERM');
    expect(errorOf(() => endpoint.mapRing(small, options)).code).to.equal('EINVAL');
    expect(errorOf(() => endpoint.mapRing(small, { ...options, capacity: CAPACITY + 4096 }))).to.be.instanceOf(
      RangeError,
    );
    expect(errorOf(() => endpoint.mapRing(small, { ...options, capacity: 4096 }))).to.be.instanceOf(RangeError);
    expect(errorOf(() => endpoint.readRing()).code).to.equal('EINVAL');
    endpoint.close();
    for (const fd of [b, unsealed, small]) broker.close(fd);
  });
});
