import { closeSync, constants, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { O_PATH } from '../../protocols/fd-facts.js';
import { leakGate } from '../support/leak-gate.js';
import { attacker, broker, errorOf, SYS } from './support.js';

const O_ACCMODE = 3;
const F_GETFD = 1;

describe('descriptors', () => {
  leakGate();

  it('duplicates close-on-exec, and never onto a number that means something inside', () => {
    const copy = broker.duplicate(0);
    expect(copy).to.be.at.least(4);
    expect(attacker().syscall(SYS.fcntl, copy, F_GETFD)).to.equal(1);
    broker.close(copy);
    expect(errorOf(() => broker.duplicate(99_999)).code).to.equal('EBADF');
  });

  it('closes at once, and says so where there was nothing', () => {
    const [a, b] = broker.pipe();
    broker.close(a);
    broker.close(b);
    const error = errorOf(() => broker.close(a));
    expect(error).to.include({ code: 'EBADF', errno: 9, syscall: 'close' });
    expect(error.message).to.equal(`EBADF: Bad file descriptor, close (fd ${a})`);
  });

  it('describes a memfd', () => {
    const fd = broker.createMemory('m', 12_345, { executable: false });
    broker.seal(fd, 2);
    const facts = broker.describe(fd);
    expect(facts).to.include({ size: 12_345n, nlink: 0, socketDomain: -1 });
    expect(facts.seals & 2).to.equal(2);
    expect(facts.mode & constants.S_IFMT).to.equal(constants.S_IFREG);
    expect(facts.flags & O_ACCMODE).to.equal(constants.O_RDWR);
    broker.close(fd);
  });

  it('describes files, devices, directories, pipes, sockets and O_PATH', () => {
    const kinds: [number, number][] = [
      [openSync('/etc/passwd', 'r'), constants.S_IFREG],
      [openSync('/dev/null', 'r'), constants.S_IFCHR],
      [openSync('/', constants.O_DIRECTORY), constants.S_IFDIR],
      [openSync('/', O_PATH), constants.S_IFDIR],
    ];
    for (const [fd, kind] of kinds) {
      expect(broker.describe(fd).mode & constants.S_IFMT).to.equal(kind);
      expect(broker.describe(fd)).to.include({ seals: -1, socketDomain: -1 });
    }
    expect(broker.describe(kinds[3]?.[0] ?? -1).flags & O_PATH).to.equal(O_PATH);
    for (const [fd] of kinds) closeSync(fd);

    const [a, b] = broker.socketpair();
    expect(broker.describe(a)).to.include({ socketDomain: 1 });
    broker.close(a);
    broker.close(b);
    const internet = attacker().syscall(SYS.socket, 2, 1, 0);
    expect(broker.describe(internet)).to.include({ socketDomain: 2 });
    broker.close(internet);
    const [readEnd, writeEnd] = broker.pipe();
    expect(broker.describe(readEnd).mode & constants.S_IFMT).to.equal(constants.S_IFIFO);
    expect(broker.describe(writeEnd).flags & O_ACCMODE).to.equal(constants.O_WRONLY);
    broker.close(readEnd);
    broker.close(writeEnd);
  });

  it('refuses what is no fd number', () => {
    for (const value of [-1, 0.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(
        errorOf(() => broker.describe(value)),
        String(value),
      ).to.include({ code: 'ERR_OUT_OF_RANGE' });
    }
    for (const value of ['3', null, undefined, {}, 3n]) {
      expect(errorOf(() => broker.describe(value as never))).to.include({ code: 'ERR_INVALID_ARG_TYPE' });
    }
  });
});

describe('memory', () => {
  leakGate();

  it('is sealed against execution where the kernel can', () => {
    const F_SEAL_EXEC = 0x20;
    const fd = broker.createMemory('m', 1, { executable: false });
    const { seals, mode } = broker.describe(fd);
    if (seals & F_SEAL_EXEC) expect(mode & 0o111).to.equal(0);
    broker.close(fd);
  });

  it('can be executed where that was asked for', () => {
    const fd = broker.createMemory('m', 1, { executable: true });
    expect(broker.describe(fd).mode & 0o111).not.to.equal(0);
    broker.close(fd);
  });

  it('refuses a name that is too long, and sizes that are none', () => {
    expect(errorOf(() => broker.createMemory('m', 1, {} as never))).to.be.instanceOf(TypeError);
    expect(errorOf(() => broker.createMemory('m'.repeat(250), 1, { executable: false }))).to.be.instanceOf(RangeError);
    expect(errorOf(() => broker.createMemory('m', -1, { executable: false }))).to.be.instanceOf(RangeError);
  });

  it('says EPERM where seals were sealed', () => {
    const fd = broker.createMemory('m', 1, { executable: false });
    broker.seal(fd, 1);
    expect(errorOf(() => broker.seal(fd, 2)).code).to.equal('EPERM');
    broker.close(fd);
  });
});

describe('lock', () => {
  leakGate();

  it('is had by one open file at a time, until that is closed', () => {
    const path = join(tmpdir(), 'sallyport-lock-test');
    const first = openSync(path, 'w');
    const second = openSync(path, 'w');
    expect(broker.lock(first)).to.equal(true);
    expect(broker.lock(second)).to.equal(false);
    closeSync(first);
    expect(broker.lock(second)).to.equal(true);
    closeSync(second);
    expect(errorOf(() => broker.lock(second)).code).to.equal('EBADF');
  });
});

describe('probe', () => {
  leakGate();

  it('tells what the kernel has, the same each time, and leaves this process without a filter', () => {
    const features = broker.probe();
    expect(features.landlockAbi).to.be.within(0, 100);
    expect(features.tsyncEsrch).to.equal(true);
    expect(broker.probe()).to.deep.equal(features);
    const PR_GET_SECCOMP = 21;
    expect(attacker().syscall(157, PR_GET_SECCOMP)).to.equal(0);
    const PR_GET_NO_NEW_PRIVS = 39;
    expect(attacker().syscall(157, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)).to.equal(0);
  });

  it('tells shared file tables from others', function () {
    if (!broker.probe().kcmp) {
      console.log('    this kernel has no kcmp');
      this.skip();
    }
    expect(broker.sameFileTable(process.pid, process.pid)).to.equal(true);
    expect(broker.sameFileTable(process.pid, process.ppid)).to.equal(false);
    expect(errorOf(() => broker.sameFileTable(process.pid, 2 ** 22 + 1)).code).to.equal('ESRCH');
  });
});
