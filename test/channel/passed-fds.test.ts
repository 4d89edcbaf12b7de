import { once } from 'node:events';
import { constants, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { Fd, FdKindError, policies } from '../../broker/index.js';
import { reaperPending } from '../../native/broker.js';
import { O_PATH } from '../../protocols/fd-facts.js';
import { Tag } from '../../protocols/tags.js';
import { attacker, reaped, SYS } from '../addon/support.js';
import { frame } from '../comms/support.js';
import { expectProtocolViolation } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { openFiles } from '../support/processes.js';
import { begin, launchPuppet } from '../support/puppet.js';
import { rejectionOf } from './support.js';

describe('a directory', () => {
  leakGate();
  let folder: string;
  before(() => {
    folder = mkdtempSync(`${tmpdir()}/sallyport-`);
  });
  after(() => rmSync(folder, { recursive: true }));

  const dangerous: readonly (readonly [string, () => Fd])[] = [
    ['a directory', () => Fd.open(folder, 'r', { kind: 'directory' })],
    ['an O_PATH fd of a directory', () => Fd.adopt(openSync(folder, O_PATH | constants.O_DIRECTORY))],
    ['an O_PATH fd of a file', () => Fd.adopt(openSync('/etc/passwd', O_PATH))],
  ];
  for (const [says, open] of dangerous) {
    it(`(${says}) does not cross to the sandboxee without its token, and is closed`, async () => {
      await using sandboxee = await launchPuppet();
      const before = openFiles('self').length;
      expect(await rejectionOf(sandboxee.comms.sendFd(open()))).to.be.instanceOf(FdKindError);
      expect(openFiles('self').length).to.equal(before);
    });

    it(`(${says}) does not cross back without it either`, async () => {
      await using sandboxee = await launchPuppet({ policy: policies.node().allowSafeFcntl().build() });
      const token = { dangerouslyAllowDirectory: true } as const;
      await begin(sandboxee, async ({ gate: { comms } }) => {
        const file = await comms.recvFd({ dangerouslyAllowDirectory: true });
        await comms.sendFd(file.dup(), { dangerouslyAllowDirectory: true });
        await comms.sendFd(file, { dangerouslyAllowDirectory: true });
      });
      await sandboxee.comms.sendFd(open(), token);
      expect(await rejectionOf(sandboxee.comms.recvFd())).to.be.instanceOf(FdKindError);
      using back = await sandboxee.comms.recvFd(token);
      expect(back.kind === 'directory' || back.access === 'path').to.equal(true);
      expect(await sandboxee.comms.recvValue(), 'in step').to.deep.equal({ value: null });
    });
  }
});

describe('a received fd', () => {
  leakGate();

  it('of another kind than was asked for is refused and closed, and the stream is in step', async () => {
    await using sandboxee = await launchPuppet();
    const before = openFiles('self').length;
    await begin(sandboxee, ({ gate, modules: { fs } }) => {
      gate.comms.sendStringSync(String(fs.fstatSync(0).isCharacterDevice()));
    });
    expect(await sandboxee.comms.recvString()).to.equal('true');
    await sandboxee.comms.recvValue();
    await begin(sandboxee, ({ attack }, message: Buffer) => attack.sendWithFds(3, message, [0]), frame(Tag.Fd));
    expect(await rejectionOf(sandboxee.comms.recvFd({ kind: ['file', 'memory'] }))).to.be.instanceOf(FdKindError);
    await sandboxee.comms.recvValue();
    await reaped();
    expect(openFiles('self').length).to.equal(before);
  });
});

/** Connections that nobody reads from. */
async function deafServer() {
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port: address.port, close };
}

/** A connected TCP socket with unsent data, whose last close(2) waits for a minute. */
function lingeringSocket(port: number): number {
  const { syscall } = attacker();
  const fd = syscall(SYS.socket, 2, 1, 0);
  const address = Buffer.alloc(16);
  address.writeUInt16LE(2, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  expect(syscall(SYS.connect, fd, address, 16)).to.equal(0);
  const linger = Buffer.alloc(8);
  linger.writeInt32LE(1, 0);
  linger.writeInt32LE(60, 4);
  expect(syscall(SYS.setsockopt, fd, 1, 13, linger, 8)).to.equal(0);
  const [SENDTO, MSG_DONTWAIT] = [44, 0x40];
  const bytes = Buffer.alloc(2 ** 20);
  while (syscall(SENDTO, fd, bytes, bytes.length, MSG_DONTWAIT, 0, 0) > 0);
  return fd;
}

describe('a lingering socket that a sandboxee sends to be closed', () => {
  leakGate();
  let folder: string;
  before(() => {
    folder = mkdtempSync(`${tmpdir()}/sallyport-`);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('holds up the reaper, and not the event loop: the result is there while it still lingers', async () => {
    const server = await deafServer();
    await using sandboxee = await launchPuppet();
    const mark = `${folder}/closed-its-own`;
    await begin(
      sandboxee,
      async ({ attack, gate, modules: { fs } }, message: Buffer) => {
        const note = await gate.comms.recvFd();
        const socket = await gate.comms.recvFd({ kind: 'socket' });
        attack.sendWithFds(3, message, [socket.number]);
        socket.close();
        fs.writeSync(note.number, 'done');
      },
      frame(Tag.String, Buffer.from('x')),
    );
    await sandboxee.comms.sendFd(Fd.open(mark, 'w'));
    await sandboxee.comms.sendFd(Fd.adopt(lingeringSocket(server.port)));
    // The loop stands still until the sandboxee has let go of it: the broker's close will be the last.
    while (statSync(mark).size === 0);
    await expectProtocolViolation(sandboxee, /1 fds that belong to no frame/);
    expect(reaperPending(), 'it is still being closed').to.be.at.least(1);
    await server.close();
    await reaped();
  });
});
