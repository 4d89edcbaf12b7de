import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet, perform } from '../support/puppet.js';

function filtersByThread(pid: number): Map<number, number> {
  const tids = readdirSync(`/proc/${pid}/task`).map(Number);
  return new Map(
    tids.map((tid) => {
      const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'latin1');
      return [tid, Number(/^Seccomp_filters:\s+(\d+)/m.exec(status)?.[1])];
    }),
  );
}

describe('a sandboxee through its gate', () => {
  leakGate();

  it('computes, and answers over comms', async () => {
    await using sandboxee = await launchPuppet();
    expect(await perform(sandboxee, (_kit, a: number, b: number) => a + b, 40, 2)).to.equal(42);
  });

  it('has the late filter in every thread that was running: pool, worker threads, V8', async () => {
    await using sandboxee = await launchPuppet({
      before: async ({ modules: { crypto, worker_threads }, state }) => {
        const worker = new worker_threads.Worker('require("node:worker_threads").parentPort.on("message", () => {})', {
          eval: true,
        });
        await new Promise((resolve) => worker.once('online', resolve));
        state.worker = worker;
        await new Promise((resolve) => crypto.pbkdf2('a', 'b', 1, 32, 'sha256', resolve));
      },
    });
    const filters = filtersByThread(sandboxee.pid);
    expect(filters.size).to.be.greaterThan(10);
    const [first] = filters.values();
    expect([...new Set(filters.values())]).to.deep.equal([first]);
  });

  it('gives threads that are born after the gate the same filter', async () => {
    await using sandboxee = await launchPuppet();
    const before = filtersByThread(sandboxee.pid);
    await perform(sandboxee, async ({ modules: { worker_threads }, state }) => {
      const worker = new worker_threads.Worker('require("node:worker_threads").parentPort.on("message", () => {})', {
        eval: true,
      });
      await new Promise((resolve) => worker.once('online', resolve));
      state.worker = worker;
    });
    const after = filtersByThread(sandboxee.pid);
    expect(after.size).to.be.greaterThan(before.size);
    expect(new Set(after.values())).to.deep.equal(new Set(before.values()));
  });

  it('ends with its exit code as the result', async () => {
    const sandboxee = await launchPuppet();
    void perform(sandboxee, () => process.exit(7)).catch(() => {});
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 7 });
  });
});
