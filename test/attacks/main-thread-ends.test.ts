import { expect } from 'chai';
import { MiB } from '../../broker/index.js';
import { launchWithTasks, type Tasks } from '../gate/support.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit } from '../support/puppet.js';

/** Of a process whose main thread has ended the kernel shows neither memory nor fds, though its other threads go on. */
describe('a sandboxee that ends its main thread alone', () => {
  leakGate();

  it('is held to its memory all the same', async () => {
    await using sandboxee = await launchWithTasks({
      limits: { memory: 64 * MiB, wallTime: 5000 },
      before: ({ require, state }) => {
        state.tasks = require(process.env.TASKS ?? '');
      },
    });
    await begin(sandboxee, ({ state }: Kit, bytes: number) => (state.tasks as Tasks).endMainThread(bytes), 128 * MiB);
    expect(await sandboxee.result).to.include({ status: 'limit', which: 'memory', asked: 64 * MiB });
  });
});
