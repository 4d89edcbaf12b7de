import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { broker, collectGarbage, errorOf, eventually } from './support.js';

const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const F_SEAL_FUTURE_WRITE = 16;
const SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW;

function sealed(size: number, seals = SIZE_SEALS): number {
  const fd = broker.createMemory('sealed', size, { executable: false });
  broker.seal(fd, seals);
  return fd;
}

describe('mapping', () => {
  leakGate();

  it('shows the memory of the memfd, and changes it', () => {
    const fd = sealed(8192);
    const buffer = broker.map(fd, 8192, true);
    const bytes = new Uint8Array(buffer);
    bytes[5000] = 42;
    const read = Buffer.alloc(1);
    readSync(fd, read, 0, 1, 5000);
    expect(read[0]).to.equal(42);
    writeSync(fd, Buffer.from([7]), 0, 1, 1);
    expect(bytes[1]).to.equal(7);
    broker.unmap(buffer);
    broker.close(fd);
  });

  it('refuses what is not sealed against shrinking and growing', () => {
    for (const seals of [0, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL]) {
      const fd = broker.createMemory('m', 4096, { executable: false });
      if (seals !== 0) broker.seal(fd, seals);
      expect(errorOf(() => broker.map(fd, 4096, true)).code).to.equal('EPERM');
      broker.close(fd);
    }
  });

  it('refuses what is no memfd', () => {
    const path = join(tmpdir(), `sallyport-mapping-${process.pid}`);
    const fd = openSync(path, 'w+');
    unlinkSync(path);
    ftruncateSync(fd, 4096);
    expect(errorOf(() => broker.map(fd, 4096, true)).code).to.equal('EPERM');
    closeSync(fd);
  });

  it('refuses more bytes than there are, none, and what is no length', () => {
    const fd = sealed(4096);
    expect(errorOf(() => broker.map(fd, 4097, true)).code).to.equal('EINVAL');
    for (const length of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(
        errorOf(() => broker.map(fd, length, true)),
        String(length),
      ).to.be.instanceOf(RangeError);
    }
    broker.close(fd);
    expect(errorOf(() => broker.map(fd, 4096, true)).code).to.equal('EBADF');
  });

  it('cannot be shrunk under its user, by whoever holds the memfd', () => {
    const fd = sealed(8192);
    const buffer = broker.map(fd, 8192, true);
    expect(errorOf(() => ftruncateSync(fd, 0)).code).to.equal('EPERM');
    expect(new Uint8Array(buffer)[8191]).to.equal(0);
    broker.unmap(buffer);
    broker.close(fd);
  });

  it('refuses a writable one of memory that was sealed against writing', () => {
    const fd = sealed(4096, SIZE_SEALS | F_SEAL_FUTURE_WRITE);
    expect(errorOf(() => broker.map(fd, 4096, true)).code).to.equal('EPERM');
    broker.unmap(broker.map(fd, 4096, false));
    broker.close(fd);
  });

  it('detaches at once: views are empty, and a second unmap is refused', () => {
    const fd = sealed(4096);
    const buffer = broker.map(fd, 4096, true);
    const view = new Uint8Array(buffer);
    broker.unmap(buffer);
    expect(view.length).to.equal(0);
    expect(buffer.byteLength).to.equal(0);
    expect(errorOf(() => broker.unmap(buffer)).code).to.equal('EINVAL');
    broker.close(fd);
  });

  it('unmaps only what it mapped', () => {
    expect(errorOf(() => broker.unmap(new ArrayBuffer(64))).code).to.equal('EINVAL');
    expect(errorOf(() => broker.unmap(new ArrayBuffer(0))).code).to.equal('EINVAL');
    expect(errorOf(() => broker.unmap({} as never))).to.be.instanceOf(TypeError);
  });

  it('does not confuse a mapping with a later one at the same address', async () => {
    const fd = sealed(1 << 16);
    for (let round = 0; round < 500; round++) {
      const buffer = broker.map(fd, 1 << 16, true);
      new Uint8Array(buffer)[round] = 1;
      broker.unmap(buffer);
      if (round % 100 === 0) collectGarbage();
    }
    const last = broker.map(fd, 1 << 16, true);
    collectGarbage();
    await eventually(() => new Uint8Array(last)[499] === 1, 'the last mapping to be alive');
    broker.unmap(last);
    broker.close(fd);
  });

  it('follows the memory where it was transferred to another ArrayBuffer', function () {
    const fd = sealed(4096);
    const buffer = broker.map(fd, 4096, true) as ArrayBuffer & { transfer?: () => ArrayBuffer };
    if (buffer.transfer === undefined) {
      broker.unmap(buffer);
      broker.close(fd);
      console.log('    this Node has no ArrayBuffer.prototype.transfer');
      this.skip();
      return;
    }
    const moved = buffer.transfer();
    expect(errorOf(() => broker.unmap(buffer)).code).to.equal('EINVAL');
    broker.unmap(moved);
    expect(moved.byteLength).to.equal(0);
    broker.close(fd);
  });

  it('is unmapped by the garbage collector where it was forgotten', async () => {
    const fd = sealed(4096);
    (() => broker.map(fd, 4096, true))();
    broker.close(fd);
    // The leak gate counts the mappings.
    await eventually(() => {
      collectGarbage();
      return true;
    }, 'a collection');
  });
});
