import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as broker from '../../native/broker.js';
import { leakGate } from '../support/leak-gate.js';

function read(path: string, most: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    broker.readWhole(path, most, (error, bytes) => (error ? reject(error) : resolve(bytes)));
  });
}

describe('readWhole', () => {
  leakGate();

  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-read-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('reads a file of /proc, which comes a page at a time', async () => {
    const text = (await read('/proc/self/maps', 1 << 24)).toString('latin1');
    expect(text.length).to.be.above(4096);
    expect(text)
      .to.match(/^[0-9a-f]+-[0-9a-f]+ /)
      .and.include('[stack]');
  });

  it('reads a file of any length up to the most, and none beyond', async () => {
    for (const size of [0, 1, 65_535, 65_536, 65_537, 300_000]) {
      const path = join(folder, String(size));
      writeFileSync(path, Buffer.alloc(size, 'x'));
      expect((await read(path, 300_000)).equals(readFileSync(path)), `${size} bytes`).to.equal(true);
    }
    const failure = await read(join(folder, '300000'), 299_999).catch((error: unknown) => error);
    expect(failure).to.include({ code: 'EFBIG' });
  });

  it('says what is wrong with what it cannot read', async () => {
    expect(await read(join(folder, 'nothing'), 10).catch((error: unknown) => error)).to.include({ code: 'ENOENT' });
    expect(await read(folder, 10).catch((error: unknown) => error)).to.include({ code: 'EISDIR' });
  });

  it('refuses what makes no sense', () => {
    expect(() => broker.readWhole('a\0b', 10, () => {})).to.throw();
    expect(() => broker.readWhole('/proc/self/maps', 0, () => {})).to.throw(RangeError);
    expect(() => broker.readWhole('/proc/self/maps', 10, undefined as never)).to.throw(TypeError);
  });
});
