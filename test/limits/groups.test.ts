import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { describeLayer, Fd, type LayerName, MiB, OptionError, type Sandboxee } from '../../broker/index.js';
import { expectLimit } from '../support/endings.js';
import { groupsMadeBy, groupsOf, noController } from '../support/groups.js';
import { leakGate } from '../support/leak-gate.js';
import { treeOf } from '../support/processes.js';
import { launchProgram, launchTree } from '../support/programs.js';
import { launchPuppet } from '../support/puppet.js';

const HELD = 'held by cgroup v';

function layer(sandboxee: Sandboxee, name: LayerName): string {
  const found = sandboxee.layers.find((candidate) => candidate.name === name);
  return found ? describeLayer(found) : '';
}

describe('limits that nobody asked for', () => {
  leakGate();

  it('are held without a cgroup, and their layers say so', async () => {
    await using sandboxee = await launchTree('idle', 1);
    expect(groupsOf(sandboxee.pid)).to.deep.equal([]);
    expect(layer(sandboxee, 'memory-limit')).to.contain('no cgroup, which limits.memory would ask for');
    expect(layer(sandboxee, 'process-limit')).to.contain('no cgroup, which limits.processes would ask for');
    expect(layer(sandboxee, 'cpu-limit')).to.equal('cpu-limit: off (limits.cpus was not given)');
  });
});

describe('limits that are asked for', () => {
  leakGate();

  it('say of each whether a cgroup holds it, or why not', async () => {
    await using sandboxee = await launchTree('idle', 1, { memory: 100 * MiB, processes: 20 });
    const expected = [
      ['memory-limit', noController('memory')],
      ['process-limit', noController('pids')],
    ] as const;
    for (const [name, missing] of expected) {
      expect(layer(sandboxee, name)).to.contain(missing === undefined ? HELD : `no cgroup: ${missing}`);
    }
  });

  it('are still looked at by the sampler where the host has no cgroup for them', async () => {
    await using sandboxee = await launchProgram('limits', { args: ['share', '40'] }, { memory: 100 * MiB });
    await expectLimit(sandboxee, 'memory', 100 * MiB);
  });

  it('(cpus) are an OptionError that says what is missing where the host has no cgroup for them', async function () {
    if (noController('cpu') === undefined) this.skip();
    const error: unknown = await launchTree('idle', 1, { cpus: 0.5 }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(OptionError);
    expect((error as OptionError).option).to.equal('limits.cpus');
    expect((error as OptionError).message)
      .to.contain(noController('cpu'))
      .and.to.contain('docs/hosts.md');
  });
});

describe('a limit of memory in a cgroup', () => {
  leakGate();
  before(function () {
    if (noController('memory') !== undefined) this.skip();
  });

  it('is a hard bound: the kernel ends who goes beyond it, between two looks as well', async () => {
    await using sandboxee = await launchProgram('limits', { args: ['map', '400'] }, { memory: 64 * MiB });
    const result = await expectLimit(sandboxee, 'memory', 64 * MiB);
    expect(result.usage.maxRss, 'not a page more').to.be.at.most(64 * MiB + 2 * MiB);
  });

  it('counts all processes together', async () => {
    await using sandboxee = await launchProgram('limits', { args: ['share', '12'] }, { memory: 64 * MiB });
    await expectLimit(sandboxee, 'memory', 64 * MiB);
  });

  it('names itself when it was a child that the kernel ended, though the program goes on', async () => {
    await using sandboxee = await launchProgram('limits', { args: ['child', '100'] }, { memory: 64 * MiB });
    await expectLimit(sandboxee, 'memory', 64 * MiB);
  });

  it('is not blamed for a SIGKILL that had another reason', async () => {
    await using sandboxee = await launchPuppet({ limits: { memory: 192 * MiB } });
    process.kill(sandboxee.pid, 'SIGKILL');
    expect(await sandboxee.result).to.include({ status: 'signaled', signal: 'SIGKILL' });
  });

  it('is not hit just below it', async () => {
    await using sandboxee = await launchProgram('limits', { args: ['map', '40'] }, { memory: 64 * MiB });
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
  });
});

describe('a limit of processes in a cgroup', () => {
  leakGate();
  before(function () {
    if (noController('pids') !== undefined) this.skip();
  });

  it('is named also when the program ends at once after it was refused one', async () => {
    for (let round = 0; round < 5; round += 1) {
      await using sandboxee = await launchProgram('limits', { args: ['processes', '30'] }, { processes: 20 });
      expect(await ended(sandboxee)).to.include({ status: 'limit', which: 'processes', asked: 20, used: 21 });
    }
  });

  it('can be used up to the last process', async () => {
    await using sandboxee = await launchProgram('limits', { args: ['processes', '19'] }, { processes: 20 });
    expect(await ended(sandboxee)).to.include({ status: 'ok', exitCode: 0 });
  });
});

describe('a limit of CPUs', () => {
  leakGate();
  before(function () {
    if (noController('cpu') !== undefined) this.skip();
  });

  it('slows a busy tree down to its share', async () => {
    await using sandboxee = await launchTree('headless', 4, { cpus: 0.2, wallTime: 1000 });
    const { status, usage } = await sandboxee.result;
    expect(status).to.equal('timeout');
    expect(usage.userTime + usage.systemTime, 'of a second, with room for the last period').to.be.at.most(600);
    expect(layer(sandboxee, 'cpu-limit')).to.contain(`0.2 CPUs, ${HELD}`);
  });

  it('does not slow down a kill', async () => {
    await using sandboxee = await launchTree('headless', 20, { cpus: 0.01, processes: 100 });
    const tree = treeOf(sandboxee.pid);
    sandboxee.kill();
    expect((await sandboxee.result).status).to.equal('killed');
    expect(tree.length).to.be.at.least(22);
  });
});

describe('the cgroups of a sandboxee', () => {
  leakGate();
  before(function () {
    if (noController('pids') !== undefined) this.skip();
  });

  it('hold every process of it, pid 1 too, from its first instruction on', async () => {
    await using sandboxee = await launchTree('detach', 5, { processes: 50 });
    const own = groupsOf(sandboxee.pid);
    expect(own).to.not.deep.equal([]);
    for (const pid of treeOf(sandboxee.pid)) expect(groupsOf(pid)).to.deep.equal(own);
  });

  it('are those of one sandboxee alone, and of none that did not ask', async () => {
    await using one = await launchTree('idle', 1, { processes: 50 });
    await using other = await launchTree('idle', 1, { processes: 50 });
    expect(groupsOf(one.pid)).to.not.have.members(groupsOf(other.pid));
    expect(groupsOf(process.pid)).to.deep.equal([]);
  });

  it('are the root of what it sees', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
    const path = join(folder, 'seen');
    try {
      const options = { args: ['show', '/proc/self/cgroup'], fds: { stdout: Fd.open(path, 'w') } };
      await using sandboxee = await launchProgram('limits', options, { processes: 50 });
      expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
      const seen = readFileSync(path, 'utf8').trim().split('\n');
      expect(seen).to.have.length.greaterThan(0);
      for (const line of seen) expect(line).to.match(/^\d+:[^:]*:\/$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are nowhere mounted inside, to be written to', async () => {
    await using sandboxee = await launchTree('idle', 1, { processes: 50 });
    const own = readlinkSync(`/proc/${sandboxee.pid}/ns/cgroup`);
    expect(own).to.not.equal(readlinkSync('/proc/self/ns/cgroup'));
    const mounts = readFileSync(`/proc/${sandboxee.pid}/mountinfo`, 'utf8');
    expect(mounts)
      .to.match(/ - proc /)
      .and.to.not.match(/ - cgroup2? /);
  });

  it('are gone with the result, however it ended', async () => {
    for (const kind of ['idle', 'detach', 'stop'] as const) {
      const sandboxee = await launchTree(kind, 3, { processes: 30, memory: 64 * MiB });
      expect(groupsMadeBy(process.pid)).to.not.deep.equal([]);
      sandboxee.kill();
      await sandboxee.result;
      expect(groupsMadeBy(process.pid)).to.deep.equal([]);
    }
  });
});

/** It may have ended before its launch was over. */
async function ended(sandboxee: Sandboxee) {
  return await sandboxee.result;
}
