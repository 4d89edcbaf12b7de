import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Fd, KiB, type Limits, MiB, type ProgramOptions, type Result } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { launchProgram } from '../support/programs.js';

const { EMFILE, EAGAIN, ENOMEM } = constants.errno;
const MEMORY: Limits = { memory: 100 * MiB };

/** The result of test/native/limits.c, told to use up so much of something. */
async function use(what: string, amount: number, limits: Limits = {}, options: ProgramOptions = {}): Promise<Result> {
  await using sandboxee = await launchProgram('limits', { ...options, args: [what, String(amount)] }, limits);
  return await sandboxee.result;
}

describe('with 100 MiB of memory, a program', () => {
  leakGate();

  it('can map 1 MiB', async () => {
    expect(await use('map', 1, MEMORY)).to.include({ status: 'ok', exitCode: 0 });
  });

  it('cannot use 200 MiB of a mapping', async () => {
    expect(await use('map', 200, MEMORY)).to.include({ status: 'limit', which: 'memory', asked: 100 * MiB });
  });

  it('can reserve 100 MiB that it does not touch', async () => {
    expect(await use('reserve', 100, MEMORY)).to.include({ status: 'ok', exitCode: 0 });
  });

  it('is refused a reservation beyond what runtimes need, with ENOMEM', async () => {
    expect(await use('reserve', 4096, MEMORY)).to.include({ status: 'ok', exitCode: ENOMEM });
  });

  it('can have 1 MiB on its stack', async () => {
    expect(await use('alloca', 1, MEMORY)).to.include({ status: 'ok', exitCode: 0 });
  });

  it('ends by SIGSEGV with 8 MiB or 100 MiB on its stack', async () => {
    for (const amount of [8, 100]) {
      expect(await use('alloca', amount, MEMORY)).to.include({ status: 'signaled', signal: 'SIGSEGV' });
    }
  });
});

describe('the limit of cpuTime', () => {
  leakGate();

  it('ends a program that computes, whatever signals it has left to itself', async () => {
    const result = await use('spin', 0, { cpuTime: 1000 });
    expect(result).to.include({ status: 'limit', which: 'cpuTime', asked: 1000 });
    if (result.status === 'limit') expect(result.used).to.be.at.least(1000);
  });

  it('counts children that came and went, and whose parents were gone by then', async () => {
    expect(await use('orphans', 0, { cpuTime: 1000 })).to.include({ status: 'limit', which: 'cpuTime', asked: 1000 });
  });
});

describe('the limit of fileSize', () => {
  leakGate();
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('lets a program write up to it, and not a byte more', async () => {
    for (const [bytes, ending] of [
      [64 * KiB, { status: 'ok', exitCode: 0 }],
      [64 * KiB + 1, { status: 'limit', which: 'fileSize' }],
    ] as const) {
      const path = join(folder, String(bytes));
      const fds = { stdout: Fd.open(path, 'w') };
      expect(await use('write', bytes, { fileSize: 64 * KiB }, { fds })).to.include(ending);
      expect(statSync(path).size).to.equal(64 * KiB);
    }
  });
});

describe('the limit of openFiles', () => {
  leakGate();

  it('refuses a program the next file with EMFILE', async () => {
    expect((await use('open', 20, { openFiles: 32 })).status).to.equal('ok');
    const result = await use('open', 100, { openFiles: 32 });
    // A program that ends within one look of the sampler is not named: the kernel does not count such refusals.
    if (result.status === 'ok') expect(result.exitCode).to.equal(EMFILE);
    else expect(result).to.include({ status: 'limit', which: 'openFiles', asked: 32 });
  });
});

describe('the limit of processes', () => {
  leakGate();

  it('refuses a program the next process with EAGAIN', async () => {
    expect(await use('processes', 11, { processes: 12 })).to.include({ status: 'ok', exitCode: 0 });
    const result = await use('processes', 40);
    expect(result).to.include({ status: 'ok', exitCode: 0 });
    const refused = await use('processes', 100);
    if (refused.status === 'ok') expect(refused.exitCode).to.equal(EAGAIN);
    else expect(refused).to.include({ status: 'limit', which: 'processes', asked: 64 });
  });
});

describe('core files', () => {
  leakGate();

  it('are not written, and the result says so', async () => {
    const before = readdirSync('.');
    expect(await use('abort', 0)).to.include({ status: 'signaled', signal: 'SIGABRT', core: false });
    expect(readdirSync('.')).to.deep.equal(before);
  });
});
