import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { attacker, broker, errorOf, reaped, SYS } from './support.js';

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_LINGER = 13;
const MSG_DONTWAIT = 0x40;

/** Connections that nobody reads from. */
async function deafServer(): Promise<{ port: number; close(): Promise<void> }> {
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A TCP socket with unsent data, whose last close waits for `seconds`. */
function lingering(port: number, seconds: number): number {
  const { syscall } = attacker();
  const fd = syscall(SYS.socket, AF_INET, SOCK_STREAM, 0);
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  if (syscall(SYS.connect, fd, address, 16) !== 0) throw new Error('connect failed');
  const linger = Buffer.alloc(8);
  linger.writeInt32LE(1, 0);
  linger.writeInt32LE(seconds, 4);
  if (syscall(SYS.setsockopt, fd, SOL_SOCKET, SO_LINGER, linger, 8) !== 0) throw new Error('SO_LINGER failed');
  const small = Buffer.alloc(4);
  small.writeInt32LE(4096);
  syscall(SYS.setsockopt, fd, SOL_SOCKET, SO_SNDBUF, small, 4);
  const bytes = Buffer.alloc(1 << 20);
  const SENDTO = 44;
  while (syscall(SENDTO, fd, bytes, bytes.length, MSG_DONTWAIT, 0, 0) > 0);
  return fd;
}

describe('reaper', () => {
  before('libuv opens a spare fd for its first server, and keeps it', async () => {
    const server = await deafServer();
    await server.close();
  });
  leakGate();

  it('closes what it is given', async () => {
    const [a, b] = broker.pipe();
    broker.closeLater(a);
    broker.closeLater(b);
    await reaped();
    expect(errorOf(() => broker.describe(a)).code).to.equal('EBADF');
    expect(errorOf(() => broker.describe(b)).code).to.equal('EBADF');
  });

  it('closes a socket that lingers for 5 s without keeping the caller', async () => {
    const server = await deafServer();
    const fd = lingering(server.port, 5);
    broker.closeLater(fd);
    // Had the caller closed it, nothing would be left to do.
    expect(broker.reaperPending()).to.equal(1);
    await reaped();
    await server.close();
  });

  it('does not wait for the million seconds that a peer chose, which would keep everybody else waiting', async () => {
    const server = await deafServer();
    for (let count = 0; count < 2; count++) broker.closeLater(lingering(server.port, 1_000_000));
    await reaped();
    await server.close();
  });

  it('takes over the socket of an endpoint, with a lingering one in its queue', async () => {
    const server = await deafServer();
    const [raw, mine] = broker.socketpair();
    const endpoint = new broker.Endpoint(
      mine,
      { slab: Buffer.alloc(64), budget: 64, keepFd: false },
      (filled) => filled,
      () => undefined,
    );
    const fd = lingering(server.port, 5);
    attacker().sendWithFds(raw, Buffer.from('x'), [fd]);
    broker.closeLater(fd);
    broker.close(raw);
    endpoint.close();
    expect(broker.reaperPending()).to.be.greaterThan(0);
    await reaped();
    await server.close();
  });

  it('refuses more than 4096 at a time, and leaves that one to the caller', async () => {
    const server = await deafServer();
    const fd = broker.createMemory('m', 1, { executable: false });
    const copies = [fd, ...Array.from({ length: 4096 }, () => broker.duplicate(fd))];
    // Each keeps the reaper for a second: together longer than it takes to fill the queue, however busy the machine is.
    for (let count = 0; count < 8; count += 1) broker.closeLater(lingering(server.port, 5));
    const refused = errorOf(() => {
      for (let copy = copies.at(-1); copy !== undefined; copy = copies.at(-1)) {
        broker.closeLater(copy);
        copies.pop();
      }
    });
    expect(refused.code).to.equal('EAGAIN');
    expect(broker.reaperPending()).to.be.at.least(4096);
    for (const copy of copies) broker.close(copy);
    await reaped();
    await server.close();
  }).timeout(60_000);

  it('refuses what is no fd', () => {
    for (const value of [-1, 1.5, Number.NaN, 2 ** 31]) {
      expect(
        errorOf(() => broker.closeLater(value)),
        String(value),
      ).to.be.instanceOf(RangeError);
    }
    expect(errorOf(() => broker.closeLater('3' as never))).to.be.instanceOf(TypeError);
  });
});
