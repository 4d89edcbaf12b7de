import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { LaunchError, type Limits, type Sandboxee } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { isAlive, statusField, treeOf } from '../support/processes.js';
import { launchProgram, launchTree, type TreeKind } from '../support/programs.js';
import { until } from '../support/until.js';

const COUNT = 20;
/** With a cgroup, where the host has them, and without. */
const WAYS: readonly (readonly [string, Limits])[] = [
  ['held by default', {}],
  ['with processes asked for', { processes: 100 }],
];

const KINDS: readonly (readonly [TreeKind, string])[] = [
  ['idle', 'waits'],
  ['ignore', 'blocks and ignores all signals'],
  ['detach', 'double-forks, and leaves session and group'],
  ['stop', 'stops itself'],
  ['vfork', 'sleeps uninterruptibly in vfork'],
  ['headless', 'has processes whose main threads have ended'],
  ['chain', 'is a chain of parents and children'],
  ['storm', 'signals all that it can, all the time'],
];

async function expectKilled(sandboxee: Sandboxee, tree: readonly number[]): Promise<void> {
  sandboxee.kill();
  expect((await sandboxee.result).status).to.equal('killed');
  expect(tree.filter(isAlive)).to.deep.equal([]);
}

for (const [way, limits] of WAYS) {
  describe(`kill() of a tree, ${way}`, () => {
    leakGate();

    for (const [kind, what] of KINDS) {
      it(`that ${what}, ends all of it`, async () => {
        await using sandboxee = await launchTree(kind, COUNT, limits);
        const tree = treeOf(sandboxee.pid);
        expect(tree.length, 'launcher, program and children').to.be.at.least(COUNT + 2);
        await expectKilled(sandboxee, tree);
      });
    }

    it('of stopped processes finds them stopped, and ends them', async () => {
      await using sandboxee = await launchTree('stop', COUNT, limits);
      await until(() => statusField(sandboxee.pid, 'State').startsWith('T'), 'the program has stopped itself');
      await expectKilled(sandboxee, treeOf(sandboxee.pid));
    });
  });

  describe(`a fork bomb, ${way}`, () => {
    leakGate();

    it('ends at once, by kill() or by its limit, and nothing of it is left', async () => {
      await using sandboxee = await launchTree('bomb', 0, limits);
      const tree = treeOf(sandboxee.pid);
      sandboxee.kill();
      expect((await sandboxee.result).status).to.be.oneOf(['killed', 'limit']);
      expect(tree.filter(isAlive)).to.deep.equal([]);
    });

    it('that nobody kills ends by the limit of processes', async () => {
      await using sandboxee = await launchTree('bomb', 0, { ...limits, processes: 50 });
      expect(await sandboxee.result).to.include({ status: 'limit', which: 'processes', asked: 50, used: 51 });
    });
  });
}

describe('a crowd that signals itself without a pause', () => {
  leakGate();

  it('does not keep the broker from ending it when its wall time is over', async () => {
    await using sandboxee = await launchTree('storm', 128, { processes: 200, wallTime: 1500 });
    const tree = treeOf(sandboxee.pid);
    expect(await sandboxee.result).to.include({ status: 'timeout', asked: 1500 });
    expect(tree.filter(isAlive)).to.deep.equal([]);
  });
});

describe('a program that ends', () => {
  leakGate();

  it('takes with it what it has left behind in sessions of their own', async () => {
    await using sandboxee = await launchTree('orphans', COUNT, { processes: 100 });
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
  });
});

describe('an abort during the launch of a program', () => {
  leakGate();

  it('ends a fork bomb at whatever moment it comes', async () => {
    for (const turns of [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192]) {
      const controller = new AbortController();
      const launched = outcomeOf(['bomb'], { processes: 40 }, controller.signal);
      for (let turn = 0; turn < turns; turn += 1) await nextTurn();
      controller.abort();
      expect(await launched).to.be.oneOf(['aborted before', 'killed', 'limit']);
    }
  });

  it('leaves nothing of it, with and without a cgroup, when many are launched at once', async () => {
    // Every moment of a launch is as good as any other.
    for (let round = 0; round < 12; round += 1) {
      const outcomes = Array.from({ length: 12 }, (_, lane) => {
        const signal = AbortSignal.timeout(2 + 4 * lane + (round % 4));
        return outcomeOf(['idle', '3'], lane % 2 === 0 ? {} : { processes: 40 }, signal);
      });
      for (const outcome of await Promise.all(outcomes)) expect(outcome).to.be.oneOf(['aborted before', 'killed']);
    }
  });
});

async function outcomeOf(args: readonly string[], limits: Limits, signal: AbortSignal): Promise<string> {
  try {
    const sandboxee = await launchProgram('tree', { args }, limits, signal);
    return (await sandboxee.result).status;
  } catch (error) {
    return error instanceof LaunchError ? error.result.status : 'aborted before';
  }
}
