import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { type Kit, launchPuppet, perform } from '../support/puppet.js';
import { expectSetupError, launchWithTasks, type Tasks } from './support.js';

const HELPERS: readonly { readonly what: string; readonly before: (kit: Kit) => unknown }[] = [
  {
    what: 'a child of node:child_process',
    before: ({ modules: { child_process } }) =>
      new Promise((resolve, reject) => {
        const child = child_process.spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
        child.once('spawn', resolve).once('error', reject);
      }),
  },
  {
    what: 'a fork of itself',
    before: ({ require }) => (require(process.env.TASKS ?? '') as Tasks).helper(),
  },
  {
    what: 'an orphan, whose parent has ended',
    before: ({ require }) => (require(process.env.TASKS ?? '') as Tasks).orphan(),
  },
  {
    what: 'a process that shares its memory, and that no TSYNC reaches',
    before: ({ require }) => (require(process.env.TASKS ?? '') as Tasks).processInSameMemory(),
  },
];

describe('a helper process from before the gate', () => {
  leakGate();

  for (const { what, before } of HELPERS) {
    it(`ends the launch, and is ended: ${what}`, async () => {
      const { detail, hint } = await expectSetupError(
        launchWithTasks({ before }),
        'gate:helper-process',
        /process \d+/,
      );
      expect(hint).to.match(/await every child process/);
      const pid = /process (\d+)/.exec(detail)?.[1];
      expect(existsSync(`/proc/${pid}`), `process ${pid} still runs`).to.equal(false);
    });
  }

  it('may have run, when it has ended and was awaited', async () => {
    await using sandboxee = await launchWithTasks({
      before: async ({ modules: { child_process }, require, state }) => {
        state.code = (require(process.env.TASKS ?? '') as Tasks).finished();
        state.output = child_process.execFileSync(process.execPath, ['-p', '6*7'], { encoding: 'utf8' });
      },
    });
    expect(await perform(sandboxee, ({ state }) => state)).to.deep.include({ code: 5, output: '42\n' });
  });

  it('is looked for among the descendants of its own launcher only', async () => {
    await using first = await launchPuppet();
    await using second = await launchPuppet();
    const init = (pid: number): string | undefined =>
      /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    expect(init(first.pid)).to.not.equal(init(second.pid));
  });
});
