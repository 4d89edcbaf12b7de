import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Fd } from '../../broker/index.js';
import { probe } from '../../native/broker.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit, launchPuppet, perform } from '../support/puppet.js';
import { call, makeCall, numberOf, passFd, violationOf, widest } from './support.js';

const { EACCES, EBADF, EINVAL, ENOENT, EPERM } = constants.errno;
const TEXT = 'what the broker owns';

describe('a file that the broker passes for reading', () => {
  leakGate();
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-attacks-'));
    path = join(folder, 'file');
    writeFileSync(path, TEXT);
    // So that it is not the permissions that refuse.
    chmodSync(path, 0o666);
  });

  afterEach(() => {
    expect(readFileSync(path, 'utf8')).to.equal(TEXT);
    rmSync(folder, { recursive: true });
  });

  it('is read, and neither written nor opened again', async () => {
    await using sandboxee = await launchPuppet();
    const fd = await passFd(sandboxee, Fd.open(path));
    const read = await perform(sandboxee, ({ modules: { fs } }, number: number) => fs.readFileSync(number, 'utf8'), fd);
    expect(read).to.equal(TEXT);
    expect(await call(sandboxee, ['write', fd, 'x', 1])).to.equal(-EBADF);
    expect(await call(sandboxee, ['pwrite64', fd, 'x', 1, 0])).to.equal(-EBADF);
    for (const flags of [0, 1, 2, 0x202]) {
      expect(await call(sandboxee, ['openat', -100, `/proc/self/fd/${fd}`, flags])).to.equal(-ENOENT);
    }
    expect(await call(sandboxee, ['truncate', `/proc/self/fd/${fd}`, 0])).to.equal(-ENOENT);
    expect(await call(sandboxee, ['fcntl', fd, 4, 0o2002])).to.equal(0);
    expect(await call(sandboxee, ['write', fd, 'x', 1])).to.equal(-EBADF);
    expect(await call(sandboxee, ['mmap', 0, 4096, 3, 1, fd, 0])).to.equal(-EACCES);
  });

  for (const [name, ...rest] of [
    ['ftruncate', 0],
    ['fchmod', 0o777],
    ['fchown', 0, 0],
    ['fallocate', 3, 0, 4096],
    ['fsetxattr', 'user.a', 'b', 1, 0],
    ['flock', 2],
    ['fchdir'],
    ['getdents64', 'bytes:256', 256],
    ['execveat', '', 0, 0, 0x1000],
    ['copy_file_range', 0, 1, 0, 1, 0],
  ] as const) {
    it(`is not to be had by ${name}: a violation`, async () => {
      await using sandboxee = await launchPuppet();
      const fd = await passFd(sandboxee, Fd.open(path));
      await begin(sandboxee, makeCall, numberOf(name), fd, ...rest);
      expect(await violationOf(sandboxee)).to.have.nested.property('syscall.name', name);
    });
  }

  it('is not opened again for writing by a policy that resolves paths: Landlock refuses it', async function () {
    if (probe().landlockAbi === 0) {
      console.log('      this kernel has no Landlock');
      this.skip();
    }
    await using sandboxee = await launchPuppet({ policy: widest });
    const fd = await passFd(sandboxee, Fd.open(path));
    for (const flags of [1, 2, 0x201, 0x202]) {
      expect(await call(sandboxee, ['openat', -100, `/proc/self/fd/${fd}`, flags]), `flags ${flags}`).to.equal(-EACCES);
    }
    expect(await call(sandboxee, ['truncate', `/proc/self/fd/${fd}`, 0])).to.equal(-EACCES);
  });

  it('stays as it is when the mapping that was made of it is to become writable', async () => {
    await using sandboxee = await launchPuppet();
    const fd = await passFd(sandboxee, Fd.open(path));
    const answer = await perform(
      sandboxee,
      ({ attack }: Kit, number: number) => {
        const at = attack.syscall(9, 0, 4096, 1, 1, number, 0);
        return attack.syscall(10, at, 4096, 3);
      },
      fd,
    );
    expect(answer).to.be.oneOf([-EACCES, -EPERM, -EINVAL]);
  });
});

describe('a directory', () => {
  leakGate();

  it('is not passed without the token that names the danger', async () => {
    await using sandboxee = await launchPuppet();
    const fd = Fd.adopt(openSync(tmpdir(), 'r'));
    const error: unknown = await sandboxee.comms.sendFd(fd).catch((cause: unknown) => cause);
    expect(error).to.have.property('message').that.includes('dangerouslyAllowDirectory');
    expect(() => fd.number).to.throw(/is closed/);
  });
});
