import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { binding } from '../../native/broker.js';
import { ClosedError, FdKindError, InvalidArgument, UseAfterMove } from '../../protocols/errors.js';
import { Fd } from '../../protocols/fd.js';
import { O_PATH } from '../../protocols/fd-facts.js';
import { leakGate } from '../support/leak-gate.js';
import { closePair, FakeFds, memoryComms, rejection, socketComms, thrown } from './support.js';

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

describe('Fd', () => {
  leakGate();
  let folder: string;
  let file: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-fd-'));
    file = join(folder, 'file');
    writeFileSync(file, 'content');
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    symlinkSync(folder, join(folder, 'link'));
  });

  after(() => rmSync(folder, { recursive: true }));

  it('opens a file, knows what it is, and closes once', () => {
    const fd = Fd.open(file);
    expect([fd.kind, fd.access, fd.size]).to.deep.equal(['file', 'read', 7n]);
    const number = fd.dup().release();
    fd.close();
    fd.close();
    fd[Symbol.dispose]();
    expect(readFileSync(number, 'utf8')).to.equal('content');
    closeSync(number);
  });

  it('is not inherited', () => {
    const fd = Fd.open(file);
    const copy = fd.dup();
    for (const each of [fd, copy]) {
      const number = each.release();
      const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${number}`, 'utf8'))?.[1] ?? '';
      expect(Number.parseInt(flags, 8) & 0o2000000, 'O_CLOEXEC').to.not.equal(0);
      closeSync(number);
    }
  });

  it('opens for writing only as asked', () => {
    const made = join(folder, 'made');
    const fd = Fd.open(made, 'wx', { mode: 0o640 });
    expect(fd.access).to.equal('write');
    fd.close();
    expect(thrown(() => Fd.open(made, 'wx'))).to.have.property('code', 'EEXIST');
    using both = Fd.open(made, 'r+');
    expect(both.access).to.equal('read-write');
  });

  it('never waits at a FIFO, and says what the path leads to', () => {
    const start = performance.now();
    const error = thrown(() => Fd.open(join(folder, 'fifo')));
    expect(error).to.be.instanceOf(FdKindError);
    expect(String(error)).to.contain('fifo is a pipe, not a file');
    expect(performance.now() - start).to.be.below(1000);
    using fifo = Fd.open(join(folder, 'fifo'), 'r', { kind: ['file', 'pipe'] });
    expect(fifo.kind).to.equal('pipe');
  });

  it('says so of a directory, through a symbolic link too, and of what is not there', () => {
    expect(String(thrown(() => Fd.open(folder)))).to.contain('is a directory, not a file');
    expect(thrown(() => Fd.open(join(folder, 'link')))).to.be.instanceOf(FdKindError);
    expect(thrown(() => Fd.open(join(folder, 'absent')))).to.have.property('code', 'ENOENT');
  });

  it('tells the kinds apart', () => {
    const [socket, other] = binding.socketpair();
    const [reader, writer] = binding.pipe();
    const memory = binding.createMemory('test', 4096, { executable: false });
    const expected = [
      [Fd.adopt(socket), 'socket'],
      [Fd.adopt(other), 'socket'],
      [Fd.adopt(reader), 'pipe'],
      [Fd.adopt(writer), 'pipe'],
      [Fd.adopt(memory), 'memory'],
      [Fd.adopt(openSync('/dev/null', 'r')), 'character-device'],
      [Fd.adopt(openSync(folder, 'r')), 'directory'],
      [Fd.adopt(openSync(file, 'r')), 'file'],
      [Fd.adopt(openSync(file, O_PATH)), 'file'],
    ] as const;
    expect(expected.map(([fd]) => fd.kind)).to.deep.equal(expected.map(([, kind]) => kind));
    expect(expected.at(-1)?.[0].access).to.equal('path');
    for (const [fd] of expected) fd.close();
  });

  it('refuses to adopt what is no open descriptor', () => {
    for (const number of [-1, 1.5, Number.NaN])
      expect(thrown(() => Fd.adopt(number))).to.be.instanceOf(InvalidArgument);
    expect(thrown(() => Fd.adopt(999_999))).to.have.property('code', 'EBADF');
  });

  it('cannot be used after it was released, sent or closed', async () => {
    const released = Fd.open(file);
    closeSync(released.release());
    expect(thrown(() => released.release())).to.be.instanceOf(UseAfterMove);
    expect(thrown(() => released.dup())).to.be.instanceOf(UseAfterMove);
    released.close();

    const closed = Fd.open(file);
    closed.close();
    expect(thrown(() => closed.dup())).to.be.instanceOf(ClosedError);

    const pair = memoryComms({ closeFd: closeSync });
    const sent = Fd.open(file);
    await pair.broker.sendFd(sent);
    expect(await rejection(pair.broker.sendFd(sent))).to.be.instanceOf(UseAfterMove);
    (await pair.sandboxee.recvFd()).close();
    closePair(pair);
  });

  it('is disposed of at the end of its block, unless it was moved', () => {
    let number: number;
    {
      using fd = Fd.open(file);
      number = fd.dup().release();
      closeSync(number);
    }
    {
      using fd = Fd.open(file);
      number = fd.release();
    }
    expect(isOpen(number)).to.equal(true);
    closeSync(number);
  });

  it('crosses a socketpair in both directions as the same open file', async () => {
    const pair = socketComms();
    for (const [from, to] of [
      [pair.broker, pair.sandboxee],
      [pair.sandboxee, pair.broker],
    ] as const) {
      void from.sendInt32(1);
      void from.sendFd(Fd.open(file));
      void from.sendString('between');
      void from.sendFd(Fd.open('/dev/null', 'r', { kind: 'character-device' }));
      expect(await to.recvInt32()).to.equal(1);
      const received = (await to.recvFd({ kind: 'file' })).release();
      expect(readFileSync(received, 'utf8')).to.equal('content');
      closeSync(received);
      expect(await to.recvString()).to.equal('between');
      (await to.recvFd()).close();
    }
    closePair(pair);
  });

  it('is moved also when the send fails', async () => {
    const directory = Fd.open(folder, 'r', { kind: 'directory' });
    const again = directory.dup();
    const pair = socketComms();
    expect(await rejection(pair.broker.sendFd(directory))).to.be.instanceOf(FdKindError);
    expect(thrown(() => directory.dup())).to.be.instanceOf(ClosedError);

    await pair.broker.sendFd(again, { dangerouslyAllowDirectory: true });
    const received = await pair.sandboxee.recvFd({ dangerouslyAllowDirectory: true });
    expect(received.kind).to.equal('directory');
    received.close();

    pair.sandboxee.close();
    await pair.broker.closed;
    const late = Fd.open(file);
    expect(await rejection(pair.broker.sendFd(late))).to.have.property('code', 'ERR_SALLYPORT_PEER_GONE');
    expect(thrown(() => late.dup())).to.be.instanceOf(ClosedError);
    closePair(pair);
  });

  it('of O_PATH is not sent without its token', async () => {
    const pair = socketComms();
    const path = Fd.adopt(openSync(file, O_PATH));
    expect(await rejection(pair.broker.sendFd(path))).to.be.instanceOf(FdKindError);
    closePair(pair);
  });

  it('is never a bare number', async () => {
    const pair = memoryComms();
    // @ts-expect-error a number is no Fd
    expect(await rejection(pair.broker.sendFd(1))).to.be.instanceOf(InvalidArgument);
    closePair(pair);
  });

  it('that the peer never received is closed with the channel', async () => {
    const pair = socketComms();
    for (let count = 0; count < 20; count++) void pair.broker.sendFd(Fd.open(file));
    closePair(pair);
  });

  it('that was received uses the closing that the channel was given', async () => {
    const fds = new FakeFds();
    const pair = memoryComms({ closeFd: fds.close }, { fds });
    const number = fds.make();
    await pair.sandboxee.sendFd(Fd.adopt(number, fds));
    (await pair.broker.recvFd()).close();
    expect(fds.closed).to.deep.equal([number]);
    closePair(pair);
  });
});
