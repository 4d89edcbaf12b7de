import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import {
  attacker,
  broker,
  errorOf,
  eventually,
  Peer,
  pattern,
  reaped,
  SYS,
  sandboxee,
  startedPair,
} from './support.js';

/** A memfd whose size says which one it is. */
function marked(size: number): number {
  return broker.createMemory('marked', size, { executable: false });
}

function sizes(fds: readonly number[]): number[] {
  return fds.map((fd) => Number(broker.describe(fd).size));
}

describe('endpoint: file descriptors', () => {
  leakGate();

  for (const [name, binding] of Object.entries({ broker, sandboxee })) {
    it(`moves an fd to the other side (${name}'s addon)`, async () => {
      const [near, far] = startedPair({ binding }, { binding });
      const [readEnd, writeEnd] = broker.pipe();
      near.endpoint.write(Buffer.from('f'), [readEnd]);
      await far.until(1);
      expect(far.fds).to.have.lengthOf(1);
      writeSync(writeEnd, 'through');
      const text = Buffer.alloc(16);
      expect(readSync(far.fds[0] ?? -1, text)).to.equal(7);
      broker.close(writeEnd);
      near.close();
      far.close();
      await reaped();
    });
  }

  it('gives fds no later than the first byte that they were sent with, and in order', async () => {
    const claimed: { byte: number; size: number }[] = [];
    const waiting: number[] = [];
    const [near, far] = startedPair(
      {},
      {
        onBatch: (peer, filled, fds) => {
          if (fds) waiting.push(...fds);
          for (const byte of peer.slab.subarray(0, filled)) {
            if (byte === 0) continue;
            const fd = waiting.shift();
            if (fd === undefined) throw new Error(`no fd had come with byte ${byte}`);
            claimed.push({ byte, size: Number(broker.describe(fd).size) });
            broker.close(fd);
          }
          return filled;
        },
      },
    );
    for (let index = 1; index <= 200; index++) {
      if (index % 3 === 0) near.endpoint.write(Buffer.alloc(index * 11), []);
      near.endpoint.write(Buffer.from([index]), [marked(index)]);
    }
    await eventually(() => claimed.length === 200, 'all fds');
    expect(claimed.every(({ byte, size }) => byte === size)).to.equal(true);
    near.close();
    far.close();
    await reaped();
  });

  it('carries 253 in one message', async () => {
    const [near, far] = startedPair();
    const sent = Array.from({ length: 253 }, (_, index) => marked(index + 1));
    near.endpoint.write(Buffer.from('all'), sent);
    await far.until(3);
    expect(sizes(far.fds)).to.deep.equal(sent.map((_, index) => index + 1));
    near.close();
    far.close();
    await reaped();
  });

  it('gives them close-on-exec', async () => {
    const [near, far] = startedPair();
    near.endpoint.write(Buffer.from('f'), [marked(1)]);
    await far.until(1);
    const F_GETFD = 1;
    expect(attacker().syscall(SYS.fcntl, far.fds[0] ?? -1, F_GETFD)).to.equal(1);
    near.close();
    far.close();
    await reaped();
  });

  it('keeps fds with their bytes in the queue of a socket that is full', async () => {
    const [near, far] = startedPair();
    far.endpoint.pause();
    near.endpoint.write(pattern(1 << 20), []);
    for (let size = 1; size <= 20; size++) near.endpoint.write(Buffer.from('frame'), [marked(size)]);
    expect(near.endpoint.queued).to.be.above(0);
    far.endpoint.resume();
    await far.until((1 << 20) + 100);
    expect(sizes(far.fds)).to.deep.equal(Array.from({ length: 20 }, (_, index) => index + 1));
    near.close();
    far.close();
    await reaped();
  });

  it('closes those that were still queued at close()', async () => {
    const [near, far] = startedPair();
    far.endpoint.pause();
    near.endpoint.write(pattern(1 << 20), []);
    for (let count = 0; count < 20; count++) near.endpoint.write(Buffer.from('frame'), [marked(1)]);
    near.close();
    far.close();
    await reaped();
  });

  it('closes the ones of a write that throws', async () => {
    const [near, far] = startedPair();
    const { endpoint } = near;
    expect(errorOf(() => endpoint.write(Buffer.alloc(0), [marked(1)]))).to.be.instanceOf(RangeError);
    expect(errorOf(() => endpoint.write('text' as never, [marked(1)]))).to.be.instanceOf(TypeError);
    expect(errorOf(() => endpoint.write(Buffer.from('x'), [marked(1), 'y' as never]))).to.be.instanceOf(TypeError);
    const surplus = Array.from({ length: 254 }, () => marked(1));
    expect(errorOf(() => endpoint.write(Buffer.from('x'), surplus))).to.be.instanceOf(RangeError);
    const twice = marked(1);
    expect(errorOf(() => endpoint.write(Buffer.from('x'), [twice, twice]))).to.be.instanceOf(RangeError);
    near.close();
    expect(errorOf(() => endpoint.write(Buffer.from('x'), [marked(1)])).code).to.equal('EBADF');
    far.close();
    await reaped();
  });

  it('fails one write alone where a number is no fd, also when it would have had to wait', async () => {
    const [near, far] = startedPair();
    expect(errorOf(() => near.endpoint.write(Buffer.from('x'), [999_999])).code).to.equal('EBADF');
    far.endpoint.pause();
    near.endpoint.write(pattern(1 << 20), []);
    expect(errorOf(() => near.endpoint.write(Buffer.from('x'), [999_999])).code).to.equal('EBADF');
    far.endpoint.resume();
    await far.until(1 << 20);
    near.endpoint.write(Buffer.from('still here'), []);
    await far.until((1 << 20) + 10);
    near.close();
    far.close();
    await reaped();
  });

  it('closes what a callback never got, when the socket is closed with fds in flight', async () => {
    const [a, b] = broker.socketpair();
    const near = new Peer(a);
    for (let count = 0; count < 50; count++) near.endpoint.write(Buffer.from('x'), [marked(1)]);
    near.close();
    broker.close(b);
    await reaped();
  });

  it('leaves the fd open that it was told to keep', () => {
    const [a, b] = broker.socketpair();
    const near = new Peer(a, { keepFd: true });
    near.endpoint.start();
    near.close();
    expect(broker.describe(a).socketDomain).to.equal(1);
    broker.close(a);
    broker.close(b);
  });

  it('leaves the fd to the caller where the constructor throws', () => {
    const file = openSync('/dev/null', 'r');
    expect(errorOf(() => new Peer(file)).code).to.equal('ENOTSOCK');
    closeSync(file);
    const [a, b] = broker.socketpair();
    expect(errorOf(() => new Peer(a, { budget: 0 }))).to.be.instanceOf(RangeError);
    expect(errorOf(() => new Peer(a, { slabBytes: 0 }))).to.be.instanceOf(RangeError);
    broker.close(a);
    broker.close(b);
  });
});
