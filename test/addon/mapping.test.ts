import { closeSync, ftruncateSync, openSync, read as readFile, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { holdings } from '../support/leaks.js';
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
    const mapping = new broker.Mapping(fd, 8192, true);
    const bytes = new Uint8Array(mapping.view(8192));
    bytes[5000] = 42;
    const read = Buffer.alloc(1);
    readSync(fd, read, 0, 1, 5000);
    expect(read[0]).to.equal(42);
    writeSync(fd, Buffer.from([7]), 0, 1, 1);
    expect(bytes[1]).to.equal(7);
    mapping.unmap();
    broker.close(fd);
  });

  it('refuses what is not sealed against shrinking and growing', () => {
    for (const seals of [0, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL]) {
      const fd = broker.createMemory('m', 4096, { executable: false });
      if (seals !== 0) broker.seal(fd, seals);
      expect(errorOf(() => new broker.Mapping(fd, 4096, true)).code).to.equal('EPERM');
      broker.close(fd);
    }
  });

  it('refuses what is no memfd', () => {
    const path = join(tmpdir(), `sallyport-mapping-${process.pid}`);
    const fd = openSync(path, 'w+');
    unlinkSync(path);
    ftruncateSync(fd, 4096);
    expect(errorOf(() => new broker.Mapping(fd, 4096, true)).code).to.equal('EPERM');
    closeSync(fd);
  });

  it('refuses more bytes than there are, none, and what is no length', () => {
    const fd = sealed(4096);
    expect(errorOf(() => new broker.Mapping(fd, 4097, true)).code).to.equal('EINVAL');
    const mapping = new broker.Mapping(fd, 4096, true);
    for (const length of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      const says = String(length);
      expect(
        errorOf(() => new broker.Mapping(fd, length, true)),
        says,
      ).to.be.instanceOf(RangeError);
      expect(
        errorOf(() => mapping.view(length)),
        says,
      ).to.be.instanceOf(RangeError);
    }
    expect(errorOf(() => mapping.view(4097))).to.be.instanceOf(RangeError);
    mapping.unmap();
    broker.close(fd);
    expect(errorOf(() => new broker.Mapping(fd, 4096, true)).code).to.equal('EBADF');
  });

  it('cannot be shrunk under its user, by whoever holds the memfd', () => {
    const fd = sealed(8192);
    const mapping = new broker.Mapping(fd, 8192, true);
    expect(errorOf(() => ftruncateSync(fd, 0)).code).to.equal('EPERM');
    expect(new Uint8Array(mapping.view(8192))[8191]).to.equal(0);
    mapping.unmap();
    broker.close(fd);
  });

  it('refuses a writable one of memory that was sealed against writing', () => {
    const fd = sealed(4096, SIZE_SEALS | F_SEAL_FUTURE_WRITE);
    expect(errorOf(() => new broker.Mapping(fd, 4096, true)).code).to.equal('EPERM');
    new broker.Mapping(fd, 4096, false).unmap();
    broker.close(fd);
  });

  it('is unmapped at once: views are empty, there are no more, and a second time does nothing', () => {
    const fd = sealed(4096);
    const mapping = new broker.Mapping(fd, 4096, true);
    const buffer = mapping.view(4096);
    const view = new Uint8Array(buffer);
    const { sharedMappings } = holdings();
    mapping.unmap();
    expect(holdings().sharedMappings).to.equal(sharedMappings - 1);
    expect(view.length).to.equal(0);
    expect(buffer.byteLength).to.equal(0);
    expect(errorOf(() => mapping.view(4096)).code).to.equal('EINVAL');
    mapping.unmap();
    expect(mapping.revoke()).to.equal(true);
    broker.close(fd);
  });

  for (const kind of ['view', 'lasting'] as const) {
    it(`is nobody else’s while a read of a file into its ${kind} goes on after it was unmapped`, async () => {
      const size = 8 << 20;
      const [first, second] = [sealed(size), sealed(size)];
      const mapping = new broker.Mapping(first, size, true);
      const view = new Uint8Array(kind === 'view' ? mapping.view(size) : mapping.lasting());
      const [reading, writing] = broker.pipe();
      const read = new Promise<number>((resolve, reject) => {
        readFile(reading, view, 0, 16, null, (error, count) => (error ? reject(error) : resolve(count)));
      });
      // Once a thread of the pool blocks in it.
      await new Promise((resolve) => setTimeout(resolve, 50));
      mapping.unmap();
      expect(view.length).to.equal(0);
      const others = Array.from({ length: 4 }, () => new broker.Mapping(second, size, true));
      const seen = others.map((other) => new Uint8Array(other.view(size)));
      writeSync(writing, 'secret of first!');
      expect(await read).to.equal(16);
      for (const bytes of seen) expect(bytes.subarray(0, 16).every((byte) => byte === 0)).to.equal(true);
      for (const other of others) other.unmap();
      for (const fd of [first, second, reading, writing]) broker.close(fd);
    });
  }

  it('shows the same memory again after it was revoked, as much of it as is asked for, by the same one mapping', () => {
    const fd = sealed(8192);
    const mapping = new broker.Mapping(fd, 8192, true);
    const { sharedMappings } = holdings();
    const first = new Uint8Array(mapping.view(8192));
    first[100] = 9;
    expect(mapping.revoke()).to.equal(true);
    expect(mapping.revoke()).to.equal(true);
    expect(first.length).to.equal(0);
    const second = new Uint8Array(mapping.view(101));
    expect([second.length, second[100]]).to.deep.equal([101, 9]);
    expect(new Uint8Array(mapping.view(8192))[100], 'and the next').to.equal(9);
    expect(second.length, 'one at a time').to.equal(0);
    expect(holdings().sharedMappings).to.equal(sharedMappings);
    mapping.unmap();
    broker.close(fd);
  });

  it('is called on nothing else', () => {
    const { view, unmap } = broker.Mapping.prototype;
    expect(errorOf(() => view.call({} as never, 1))).to.be.instanceOf(TypeError);
    expect(errorOf(() => unmap.call({} as never))).to.be.instanceOf(TypeError);
  });

  it('does not confuse its views with the garbage of earlier ones', async () => {
    const fd = sealed(1 << 16);
    const mapping = new broker.Mapping(fd, 1 << 16, true);
    for (let round = 0; round < 500; round++) {
      new Uint8Array(mapping.view(1 << 16))[round] = 1;
      if (round % 2 === 0) mapping.revoke();
      if (round % 100 === 0) collectGarbage();
    }
    const last = mapping.view(1 << 16);
    collectGarbage();
    await eventually(() => new Uint8Array(last)[499] === 1, 'the last view to be alive');
    mapping.unmap();
    broker.close(fd);
  });

  it('does not confuse a mapping with a later one at the same address', async () => {
    const fd = sealed(1 << 16);
    for (let round = 0; round < 500; round++) {
      const mapping = new broker.Mapping(fd, 1 << 16, true);
      new Uint8Array(mapping.view(1 << 16))[round] = 1;
      mapping.unmap();
      if (round % 100 === 0) collectGarbage();
    }
    const mapping = new broker.Mapping(fd, 1 << 16, true);
    const last = mapping.view(1 << 16);
    collectGarbage();
    await eventually(() => new Uint8Array(last)[499] === 1, 'the last mapping to be alive');
    mapping.unmap();
    broker.close(fd);
  });

  it('leaves the memory to the ArrayBuffer that it was transferred to, and shows it no more', async function () {
    const before = holdings().sharedMappings;
    const fd = sealed(4096);
    const mapping = new broker.Mapping(fd, 4096, true);
    const buffer = mapping.view(4096) as ArrayBuffer & { transfer?: () => ArrayBuffer };
    if (buffer.transfer === undefined) {
      mapping.unmap();
      broker.close(fd);
      console.log('    this Node has no ArrayBuffer.prototype.transfer');
      this.skip();
      return;
    }
    let moved: ArrayBuffer | undefined = buffer.transfer();
    expect(mapping.revoke()).to.equal(false);
    expect(errorOf(() => mapping.view(4096)).code).to.equal('EINVAL');
    mapping.unmap();
    new Uint8Array(moved)[4095] = 1;
    expect(holdings().sharedMappings).to.equal(before + 1);
    moved = undefined;
    broker.close(fd);
    await mappingsToBe(before);
  });

  it('is unmapped by the garbage collector where it was forgotten, once its views are forgotten too', async () => {
    const before = holdings().sharedMappings;
    const fd = sealed(4096);
    new broker.Mapping(fd, 4096, true);
    const views = [new broker.Mapping(fd, 4096, true).view(4096), new broker.Mapping(fd, 4096, true).lasting()];
    broker.close(fd);
    await mappingsToBe(before + views.length);
    expect(views.map((view) => new Uint8Array(view)[4095])).to.deep.equal([0, 0]);
    views.length = 0;
    await mappingsToBe(before);
  });

  it('has one lasting view, which stays when others are revoked, and ends with the mapping', () => {
    const fd = sealed(8192);
    const mapping = new broker.Mapping(fd, 8192, true);
    const lasting = new Uint8Array(mapping.lasting());
    expect(mapping.lasting()).to.equal(lasting.buffer);
    const passing = new Uint8Array(mapping.view(100));
    passing[99] = 5;
    mapping.revoke();
    expect([passing.length, lasting.length, lasting[99]]).to.deep.equal([0, 8192, 5]);
    mapping.unmap();
    expect(lasting.length).to.equal(0);
    expect(errorOf(() => mapping.lasting()).code).to.equal('EINVAL');
    broker.close(fd);
  });
});

/** The wrapper goes first, and its ArrayBuffers with a later collection. */
async function mappingsToBe(count: number): Promise<void> {
  await eventually(() => {
    collectGarbage();
    return holdings().sharedMappings === count;
  }, `${count} mappings`);
}
