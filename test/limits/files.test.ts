import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Fd, KiB, policies } from '../../broker/index.js';
import { expectLimit } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { openFiles } from '../support/processes.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';

const F_DUPFD_CLOEXEC = 1030;

const withDuplicates = policies.node().allowSafeFcntl().build();

describe('the limit of fileSize', () => {
  leakGate();
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Has a sandboxee write so many bytes to a file that it was handed, and exit. */
  async function write(bytes: number, limit: number) {
    await using sandboxee = await launchPuppet({ limits: { fileSize: limit } });
    const path = join(folder, `${bytes}`);
    await begin(
      sandboxee,
      async ({ gate, modules: { fs } }, total: number) => {
        const file = await gate.comms.recvFd();
        for (let done = 0; done < total; )
          done += fs.writeSync(file.number, Buffer.alloc(Math.min(1024, total - done)));
        process.exit(0);
      },
      bytes,
    );
    await sandboxee.comms.sendFd(Fd.open(path, 'w'));
    return { result: await sandboxee.result, size: statSync(path).size };
  }

  it('ends who writes a file beyond it, and the file stays within', async () => {
    const { result, size } = await write(64 * KiB + 1, 64 * KiB);
    expect(result).to.include({ status: 'limit', which: 'fileSize', asked: 64 * KiB });
    if (result.status === 'limit') expect(result.used).to.be.at.least(64 * KiB);
    expect(size).to.equal(64 * KiB);
  });

  it('lets a file become as large as it', async () => {
    const { result, size } = await write(64 * KiB, 64 * KiB);
    expect(result).to.include({ status: 'ok', exitCode: 0 });
    expect(size).to.equal(64 * KiB);
  });
});

describe('the limit of openFiles', () => {
  leakGate();

  it('ends who makes more and more duplicates', async () => {
    await using sandboxee = await launchPuppet({ policy: withDuplicates, limits: { openFiles: 64 } });
    await begin(
      sandboxee,
      ({ attack }, fcntl: number, duplicate: number) => {
        while (attack.syscall(fcntl, 0, duplicate, 0) >= 0);
      },
      numberOf('fcntl'),
      F_DUPFD_CLOEXEC,
    );
    await expectLimit(sandboxee, 'openFiles', 64);
  });

  it('ends who takes more fds than it from the broker', async () => {
    await using sandboxee = await launchPuppet({ limits: { openFiles: 64 } });
    const takeOne = async () => {
      await begin(sandboxee, async ({ gate, state }) => {
        state.kept = [state.kept, await gate.comms.recvFd({ kind: 'character-device' })];
      });
      await sandboxee.comms.sendFd(Fd.open('/dev/null', 'r', { kind: 'character-device' }));
      await sandboxee.comms.recvValue();
    };
    const room = 64 - openFiles(sandboxee.pid).length;
    for (let count = 0; count < room; count += 1) await takeOne();
    await takeOne().catch(() => 'ended meanwhile');
    await expectLimit(sandboxee, 'openFiles', 64);
  });

  it('can be used up to the last file', async () => {
    await using sandboxee = await launchPuppet({ policy: withDuplicates, limits: { openFiles: 64 } });
    const opened = await perform(
      sandboxee,
      async ({ attack }, fcntl: number, duplicate: number, count: number) => {
        let fd = 0;
        while (fd >= 0 && fd < count - 1) fd = attack.syscall(fcntl, 0, duplicate, 0);
        await new Promise((resolve) => setTimeout(resolve, 200));
        return fd + 1;
      },
      numberOf('fcntl'),
      F_DUPFD_CLOEXEC,
      64,
    );
    expect(opened).to.equal(64);
    await begin(sandboxee, () => process.exit(0));
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
  });
});
