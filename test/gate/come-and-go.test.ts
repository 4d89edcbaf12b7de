import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { ProcessView } from '../../broker/process/process-view.js';
import { leakGate } from '../support/leak-gate.js';
import { type Kit, perform } from '../support/puppet.js';
import { launchWithTasks, type Tasks } from './support.js';

describe('verification of a process that does not keep still', () => {
  leakGate();

  it('takes threads and fds that are gone when it comes to them for gone', async () => {
    const before = ({ require }: Kit): void => {
      const tasks: Tasks = require(process.env.TASKS ?? '');
      for (let count = 0; count < 3; count += 1) tasks.restless();
    };
    for (let round = 0; round < 8; round += 1) {
      await using sandboxee = await launchWithTasks({ before });
      expect(await perform(sandboxee, () => 1 + 1)).to.equal(2);
    }
  });

  it('knows a thread that exits from one that runs', async () => {
    const shell = spawn('sh', ['-c', 'sleep 0 & exec sleep 1000']);
    try {
      const { pid } = shell;
      if (pid === undefined) throw new Error('no shell');
      using view = new ProcessView(pid);
      expect(view.taskIsExiting(pid)).to.equal(false);
      // `exec` has made it nobody's who would reap it.
      const ended = (): boolean => view.children().some((child) => isExiting(child));
      while (!ended()) await nextTurn();
    } finally {
      shell.kill('SIGKILL');
      await once(shell, 'exit');
    }
  });
});

function isExiting(pid: number): boolean {
  using view = new ProcessView(pid);
  return view.taskIsExiting(pid);
}
