import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { KiB, type LimitName, type Limits, MiB, OptionError } from '../../broker/index.js';
import { noController } from '../support/groups.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet } from '../support/puppet.js';
import { isUserInBase } from '../support/tier.js';

/** Soft and hard, as the kernel has them for a process. */
function rlimit(pid: number, name: string): string[] {
  const line = readFileSync(`/proc/${pid}/limits`, 'latin1')
    .split('\n')
    .find((text) => text.startsWith(name));
  return line?.slice(name.length).trim().split(/\s+/).slice(0, 2) ?? [];
}

describe('limits inside', () => {
  leakGate();

  it('are those that were asked for, in the kernel too, soft and hard', async () => {
    const limits = { fileSize: 123 * KiB, openFiles: 77, processes: 33, cpuTime: 90_000 };
    await using sandboxee = await launchPuppet({ limits });
    const { pid } = sandboxee;
    expect(rlimit(pid, 'Max file size')).to.deep.equal([`${123 * KiB}`, `${123 * KiB}`]);
    expect(rlimit(pid, 'Max open files'), 'one more, to be seen there').to.deep.equal(['78', '78']);
    const expected = noController('pids') === undefined ? '70' : '35';
    const [processes] = rlimit(pid, 'Max processes');
    // In base it counts all that an ordinary user runs.
    if (isUserInBase) expect(Number(processes)).to.be.greaterThan(35);
    else expect(processes, 'one more, and the launcher').to.equal(expected);
    expect(rlimit(pid, 'Max cpu time')).to.deep.equal(['90', '91']);
    expect(rlimit(pid, 'Max core file size')).to.deep.equal(['1', '1']);
    expect(rlimit(pid, 'Max msgqueue size')).to.deep.equal(['0', '0']);
  });

  it('bound the data segment above memory by a fixed room', async () => {
    await using small = await launchPuppet({ limits: { memory: 128 * MiB } });
    await using large = await launchPuppet({ limits: { memory: 256 * MiB } });
    const [a, b] = [small, large].map(({ pid }) => Number(rlimit(pid, 'Max data size')[0]));
    expect((b ?? 0) - (a ?? 0)).to.equal(128 * MiB);
    expect(a).to.be.greaterThan(128 * MiB);
  });
});

describe('a limit that cannot be honoured', () => {
  leakGate();

  const wrong: readonly [LimitName, readonly number[]][] = [
    ['wallTime', [0, -1, 1.5, Number.NaN, 2 ** 31]],
    ['cpuTime', [0, -1, 1.5, Number.NaN]],
    ['memory', [0, 31 * MiB, Infinity, Number.NaN, 64 * MiB + 0.5]],
    ['fileSize', [-1, Infinity, 2 ** 47]],
    ['openFiles', [31, Infinity, 2 ** 20 + 1]],
    ['processes', [11, Infinity, 2 ** 15 + 1]],
    ['sharedMemory', [-1, Infinity]],
    ['cpus', [0, -1, 0.009, 4097, Number.NaN, -Infinity]],
    ['gateTime', [0, Infinity, 600_001]],
  ];
  for (const [name, values] of wrong) {
    it(`(${name}) is an OptionError that names it, before anything is started`, async () => {
      for (const value of values) {
        const error: unknown = await launchPuppet({ limits: { [name]: value } }).catch((reason: unknown) => reason);
        expect(error, String(value)).to.be.instanceOf(OptionError);
        expect((error as OptionError).option).to.equal(`limits.${name}`);
        expect((error as OptionError).message).to.contain(String(value));
      }
    });
  }

  it('because there is none of that name is an OptionError that lists those that there are', async () => {
    const limits: Limits = Object.fromEntries([['memroy', 1]]);
    const error: unknown = await launchPuppet({ limits }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(OptionError);
    expect((error as OptionError).message).to.match(/limits\.memroy: no such limit; there are .*memory/);
  });

  it('because all open files are promised to others is an OptionError that says so', async () => {
    const error: unknown = await launchPuppet({ limits: { openFiles: 2 ** 20 } }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(OptionError);
    expect((error as OptionError).message)
      .to.contain('limits.openFiles')
      .and.to.contain('ulimit -n');
  });
});
