import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { attacker, broker, eventually, Peer, reaped, SYS, turns } from './support.js';

const RLIMIT_NOFILE = 7;
const EPERM = 1;

/** A raw socket in the attacker's hands, and the broker's endpoint on the other end. */
function attacked(budget?: number): [number, Peer] {
  const [raw, mine] = broker.socketpair();
  const peer = new Peer(mine, budget === undefined ? {} : { budget });
  peer.endpoint.start();
  return [raw, peer];
}

function memory(): number {
  return broker.createMemory('m', 1, { executable: false });
}

/** The soft limit of open files; returns what it was. */
function limitOpenFiles(soft: bigint): bigint {
  const before = Buffer.alloc(16);
  attacker().syscall(SYS.prlimit64, 0, RLIMIT_NOFILE, 0, before);
  const wanted = Buffer.from(before);
  wanted.writeBigUInt64LE(soft);
  expect(attacker().syscall(SYS.prlimit64, 0, RLIMIT_NOFILE, wanted, 0)).to.equal(0);
  return before.readBigUInt64LE();
}

describe('endpoint: hostile peers', () => {
  leakGate();

  it('takes a flood of fds in batches that no message count can inflate', async () => {
    const [raw, peer] = attacked();
    const fd = memory();
    const fds = new Array<number>(253).fill(fd);
    let sent = 0;
    for (let message = 0; message < 8; message++) {
      if (attacker().sendWithFds(raw, Buffer.from('x'), fds) === 1) sent++;
    }
    await peer.until(sent);
    expect(sent).to.equal(8);
    expect(peer.fds).to.have.lengthOf(8 * 253);
    expect(peer.batches).to.be.at.least(4);
    broker.close(fd);
    broker.close(raw);
    peer.close();
    await reaped();
  });

  it('says that fds were lost to our own limit, keeps none of them, and ends', async () => {
    const [raw, peer] = attacked();
    const fd = memory();
    const highest = Math.max(fd, raw, peer.fd);
    attacker().sendWithFds(raw, Buffer.from('too many'), new Array<number>(253).fill(fd));
    const before = limitOpenFiles(BigInt(highest + 40));
    try {
      await peer.untilEnd();
    } finally {
      limitOpenFiles(before);
    }
    expect(peer.statuses).to.deep.equal([-1000]);
    expect(peer.fds.length).to.be.below(253);
    attacker().sendWithFds(raw, Buffer.from('more'), []);
    await turns(5);
    expect(peer.received.toString()).to.equal('too many');
    broker.close(fd);
    broker.close(raw);
    peer.close();
    await reaped();
  });

  it('waits for the other half of what was half sent', async () => {
    const [raw, peer] = attacked();
    attacker().sendWithFds(raw, Buffer.from('ha'), []);
    await peer.until(2);
    attacker().sendWithFds(raw, Buffer.from('lf'), []);
    await peer.until(4);
    expect(peer.received.toString()).to.equal('half');
    broker.close(raw);
    peer.close();
    await reaped();
  });

  it('never sees fds that came with no byte: the kernel does not carry them', async () => {
    const [raw, peer] = attacked();
    const fd = memory();
    attacker().sendWithFds(raw, Buffer.alloc(0), [fd]);
    attacker().sendWithFds(raw, Buffer.from('x'), []);
    await peer.until(1);
    expect(peer.fds).to.deep.equal([]);
    broker.close(fd);
    broker.close(raw);
    peer.close();
    await reaped();
  });

  it('ignores credentials', async () => {
    const [raw, peer] = attacked();
    expect(sendCredentials(raw)).to.equal(1);
    await peer.until(1);
    expect(peer.fds).to.deep.equal([]);
    expect(peer.statuses).to.deep.equal([]);
    broker.close(raw);
    peer.close();
    await reaped();
  });

  it('is not made to block by a peer that shares its socket and clears O_NONBLOCK', async () => {
    const [raw, peer] = attacked();
    const F_SETFL = 4;
    expect(attacker().syscall(SYS.fcntl, peer.fd, F_SETFL, 0)).to.equal(0);
    const begun = performance.now();
    peer.endpoint.write(Buffer.alloc(1 << 20), []);
    attacker().sendWithFds(raw, Buffer.from('x'), []);
    await peer.until(1);
    expect(performance.now() - begun).to.be.below(1000);
    broker.close(raw);
    peer.close();
    await reaped();
  });

  it('leaves the loop to others under a flood of bytes', async () => {
    const [raw, peer] = attacked(4096);
    const flood = Buffer.alloc(100_000);
    attacker().sendWithFds(raw, flood, []);
    let ticks = 0;
    const tick = (): void => {
      ticks++;
      if (peer.byteCount < flood.length) setImmediate(tick);
    };
    setImmediate(tick);
    await peer.until(flood.length);
    expect(ticks).to.be.at.least(20);
    broker.close(raw);
    peer.close();
    await reaped();
  });

  it('does not let a refused message of the other side reach anybody', async () => {
    const [raw, peer] = attacked();
    expect(attacker().sendWithFds(raw, Buffer.from('x'), [-5])).to.be.oneOf([-9, -EPERM]);
    await turns(5);
    expect(peer.batches).to.equal(0);
    broker.close(raw);
    peer.close();
    await eventually(() => broker.reaperPending() === 0, 'the reaper');
  });
});

/** One byte with SCM_CREDENTIALS. */
function sendCredentials(socket: number): number {
  const byte = Buffer.from('c');
  const iov = Buffer.alloc(16);
  iov.writeBigUInt64LE(attacker().address(byte), 0);
  iov.writeBigUInt64LE(1n, 8);
  const control = Buffer.alloc(32);
  control.writeBigUInt64LE(28n, 0); // CMSG_LEN(sizeof(struct ucred))
  control.writeInt32LE(1, 8); // SOL_SOCKET
  control.writeInt32LE(2, 12); // SCM_CREDENTIALS
  control.writeInt32LE(process.pid, 16);
  control.writeInt32LE(process.getuid?.() ?? 0, 20);
  control.writeInt32LE(process.getgid?.() ?? 0, 24);
  const message = Buffer.alloc(56);
  message.writeBigUInt64LE(attacker().address(iov), 16);
  message.writeBigUInt64LE(1n, 24);
  message.writeBigUInt64LE(attacker().address(control), 32);
  message.writeBigUInt64LE(32n, 40);
  return attacker().syscall(SYS.sendmsg, socket, message, 0);
}
