import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Fd } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { launchGuest } from './support.js';

describe('comms of a program in C', () => {
  leakGate();

  it('carries every kind of integer, strings, bytes, tagged values and bools, extremes included', async () => {
    await using guest = await launchGuest(['echo']);
    const { comms } = guest;
    const text = `\0 ende ✓ ${'x'.repeat(100_000)}`;
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index & 0xff));
    await comms.sendInt8(-128);
    expect(await comms.recvInt8()).to.equal(-128);
    await comms.sendUint8(255);
    expect(await comms.recvUint8()).to.equal(255);
    await comms.sendInt16(-32768);
    expect(await comms.recvInt16()).to.equal(-32768);
    await comms.sendUint16(65535);
    expect(await comms.recvUint16()).to.equal(65535);
    await comms.sendInt32(-(2 ** 31));
    expect(await comms.recvInt32()).to.equal(-(2 ** 31));
    await comms.sendUint32(2 ** 32 - 1);
    expect(await comms.recvUint32()).to.equal(2 ** 32 - 1);
    await comms.sendInt64(-(2n ** 63n));
    expect(await comms.recvInt64()).to.equal(-(2n ** 63n));
    await comms.sendUint64(2n ** 64n - 1n);
    expect(await comms.recvUint64()).to.equal(2n ** 64n - 1n);
    await comms.sendString(text);
    expect(await comms.recvString()).to.equal(text);
    await comms.sendBytes(bytes);
    expect(Buffer.compare(await comms.recvBytes(), bytes)).to.equal(0);
    await comms.sendTlv(77, bytes);
    expect((await comms.recvTlv()).tag).to.equal(77);
    await comms.sendBool(true);
    expect(await comms.recvBool()).to.equal(false);
    expect(await guest.result).to.include({ status: 'ok', exitCode: 0 });
  });

  it('passes files in both directions', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-programs-'));
    try {
      const path = join(folder, 'passed.txt');
      writeFileSync(path, 'only what was passed');
      await using guest = await launchGuest(['files']);
      await guest.comms.sendFd(Fd.open(path));
      expect(await guest.comms.recvString()).to.equal('only what was passed');
      using back = await guest.comms.recvFd({ kind: 'file' });
      expect(readFileSync(`/proc/self/fd/${back.number}`, 'utf8')).to.equal('only what was passed');
      expect(await guest.result).to.include({ status: 'ok', exitCode: 0 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('shares buffers: one that is sent, and one that is asked for', async () => {
    await using guest = await launchGuest(['buffers', 'greedy']);
    const source = guest.createBuffer(3 * 4096, 'read-only');
    source.copyIn(Buffer.alloc(3 * 4096, 0x5a));
    await guest.comms.sendBuffer(source);
    using target = await guest.comms.recvBuffer();
    expect(target.copyOut().every((byte) => byte === 0xa5)).to.equal(true);
    expect(await guest.comms.recvInt32(), 'a request beyond the quota').to.equal(28); // ENOSPC
  });

  it('stays in step after what is of another type or too long', async () => {
    await using guest = await launchGuest(['mismatch']);
    await guest.comms.sendString('no int8, and too long for four bytes');
    expect(await guest.comms.recvString()).to.equal('no int8, and too long for four bytes');
  });
});
