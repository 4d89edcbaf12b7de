import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { BufferPool } from '../../protocols/buffer-pool.js';
import { Fd } from '../../protocols/fd.js';
import { brokerMemory, FakeFds, turn } from './support.js';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

interface Leak {
  message: string;
  code: unknown;
}

async function leaksOf(make: () => void): Promise<Leak[]> {
  const leaks: Leak[] = [];
  const note = (warning: Error): void => {
    if (warning.name === 'SallyportLeak') leaks.push({ message: warning.message, code: Reflect.get(warning, 'code') });
  };
  process.on('warning', note);
  make();
  for (let count = 0; count < 20; count++) {
    await turn();
    collect();
  }
  await turn();
  process.off('warning', note);
  return leaks;
}

describe('an owner that is dropped', () => {
  it('is reported with its kind and where it was made, and stays open', async () => {
    const fds = new FakeFds();
    const number = fds.make();
    const [leak, ...more] = await leaksOf(() => {
      Fd.adopt(number, fds);
    });
    expect(more).to.deep.equal([]);
    expect(leak?.code).to.equal('SALLYPORT_LEAK');
    expect(leak?.message).to.contain(`Fd ${number} (file)`);
    expect(leak?.message).to.match(/at .*leak\.test/);
    expect(leak?.message).to.not.contain('fd.js');
    expect(fds.closed).to.deep.equal([]);
  });

  it('is not reported when it was closed, moved or disposed of', async () => {
    const fds = new FakeFds();
    const leaks = await leaksOf(() => {
      Fd.adopt(fds.make(), fds).close();
      Fd.adopt(fds.make(), fds).release();
      using _disposed = Fd.adopt(fds.make(), fds);
    });
    expect(leaks).to.deep.equal([]);
  });

  it('is reported of a shared buffer, with its size', async () => {
    const pool = new BufferPool(brokerMemory);
    const [leak] = await leaksOf(() => {
      pool.create(100_000, 'writable');
    });
    expect(leak?.message).to.contain('SharedBuffer of 100000 bytes (writable)');
    pool.close();
  });
});
