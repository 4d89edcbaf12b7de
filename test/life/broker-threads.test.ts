import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { isAlive } from '../support/processes.js';

const threads = fileURLToPath(new URL('../fixtures/broker-threads.js', import.meta.url));
const broker = new URL('../fixtures/broker.js', import.meta.url);

describe('threads of the broker', () => {
  leakGate();

  for (const how of ['terminate', 'exit']) {
    it(`that end by ${how} take their own sandboxees with them, and those of other threads go on`, () => {
      const { stdout } = spawnSync(process.execPath, [threads, how], { encoding: 'utf8' });
      expect(JSON.parse(stdout)).to.deep.equal({ started: 6, left: 0, answer: 42 });
    });
  }

  it('end by themselves once they have disposed of theirs', async () => {
    const worker = new Worker(broker, { argv: ['dispose'], stdout: true, trackUnmanagedFds: false });
    const exited = once(worker, 'exit');
    const { value = '{}' } = await createInterface({ input: worker.stdout })[Symbol.asyncIterator]().next();
    const { ready } = JSON.parse(value) as { ready: number[] };
    expect(ready).to.have.length(6);
    await exited;
    expect(ready.filter(isAlive)).to.deep.equal([]);
  });
});
