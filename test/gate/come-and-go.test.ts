import { expect } from 'chai';
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
});
