import { expect } from 'chai';
import { LaunchError, type PolicyBuilder, policies } from '../../broker/index.js';
import { allow } from '../../broker/policy/bpf/dsl.js';
import { launchWithTasks, type Tasks } from '../gate/support.js';
import { leakGate } from '../support/leak-gate.js';
import { isAlive, treeOf } from '../support/processes.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** fork(), which no preset allows. */
function withProcesses(): PolicyBuilder {
  return policies.node().addPolicyOnSyscall('clone', allow()).allowSyscalls('wait4', 'pause');
}

describe('kill()', () => {
  leakGate();

  it('ends the sandboxee, and the result says killed, and why', async () => {
    const sandboxee = await launchPuppet();
    sandboxee.kill('enough of it');
    expect(await sandboxee.result).to.include({ status: 'killed', reason: 'enough of it' });
    expect(isAlive(sandboxee.pid)).to.equal(false);
  });

  it('ends one that is busy in JavaScript, and one with many threads', async () => {
    for (const busy of [
      () => {
        for (;;);
      },
      ({ attack }: { attack: { threads(count: number): number } }) => attack.threads(20),
    ]) {
      const sandboxee = await launchPuppet();
      const tree = treeOf(sandboxee.pid);
      await begin(sandboxee, busy);
      sandboxee.kill();
      expect((await sandboxee.result).status).to.equal('killed');
      expect(tree.filter(isAlive)).to.deep.equal([]);
    }
  });

  it('ends every process that it started, also one that lost its parent', async () => {
    await using sandboxee = await launchWithTasks({
      policy: withProcesses().build(),
      before: ({ require, state }) => {
        state.tasks = require(process.env.TASKS ?? '');
      },
    });
    await perform(sandboxee, ({ state }) => {
      const tasks = state.tasks as Tasks;
      tasks.helper();
      tasks.orphan();
    });
    const tree = treeOf(sandboxee.pid);
    expect(tree, 'launcher, sandboxee, helper, orphan').to.have.length(4);
    sandboxee.kill();
    expect((await sandboxee.result).status).to.equal('killed');
    expect(tree.filter(isAlive)).to.deep.equal([]);
  });

  it('twice is once: the first reason counts', async () => {
    const sandboxee = await launchPuppet();
    sandboxee.kill('first');
    sandboxee.kill('second');
    const result = await sandboxee.result;
    sandboxee.kill('third');
    expect(result).to.include({ status: 'killed', reason: 'first' });
    expect(await sandboxee.result).to.equal(result);
  });

  it('after an end of its own changes nothing', async () => {
    const sandboxee = await launchPuppet();
    await begin(sandboxee, () => process.exit(4));
    const result = await sandboxee.result;
    sandboxee.kill();
    expect(await sandboxee.result).to.equal(result);
    expect(result).to.include({ status: 'ok', exitCode: 4 });
  });
});

describe('disposal', () => {
  leakGate();

  it('by `await using` kills and awaits the end', async () => {
    let tree: number[] = [];
    let result: Promise<{ status: string }>;
    {
      await using sandboxee = await launchPuppet();
      tree = treeOf(sandboxee.pid);
      result = sandboxee.result;
    }
    expect(tree.filter(isAlive)).to.deep.equal([]);
    expect((await result).status).to.equal('killed');
  });

  it('by close() resolves with the result, each time the same', async () => {
    const sandboxee = await launchPuppet();
    const [first, second] = await Promise.all([sandboxee.close(), sandboxee.close()]);
    expect(first).to.equal(second).and.to.include({ status: 'killed', reason: 'it was closed' });
    expect(await sandboxee.close()).to.equal(first);
  });
});

describe('an AbortSignal', () => {
  leakGate();

  it('that is aborted already starts nothing', async () => {
    const reason = new Error('not wanted');
    expect(await rejectionOf(launchPuppet({ signal: AbortSignal.abort(reason) }))).to.equal(reason);
  });

  it('that is aborted during the launch ends it with a LaunchError whose result says killed', async () => {
    const controller = new AbortController();
    const launched = launchPuppet({
      signal: controller.signal,
      before: () => new Promise((resolve) => setTimeout(resolve, 60_000)),
    });
    setTimeout(() => controller.abort(), 100);
    const error = await rejectionOf(launched);
    expect(error).to.be.instanceOf(LaunchError);
    expect((error as LaunchError).result.status).to.equal('killed');
  });

  it('that is aborted at any moment of the launch leaves one end, and nothing behind', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), turns * 6);
      const outcome = await launchPuppet({ signal: controller.signal }).catch((error: unknown) => error);
      if (outcome instanceof LaunchError) expect(outcome.result.status).to.equal('killed');
      else if (outcome instanceof Error) expect(outcome.name).to.equal('AbortError');
      else expect((await (outcome as Awaited<ReturnType<typeof launchPuppet>>).result).status).to.equal('killed');
    }
  });

  it('that is aborted after the launch kills the sandboxee', async () => {
    const controller = new AbortController();
    const sandboxee = await launchPuppet({ signal: controller.signal });
    controller.abort();
    expect(await sandboxee.result).to.include({ status: 'killed', reason: 'its AbortSignal was aborted' });
  });

  it('that is aborted after the end does nothing', async () => {
    const controller = new AbortController();
    const sandboxee = await launchPuppet({ signal: controller.signal });
    const result = await sandboxee.close();
    controller.abort();
    expect(await sandboxee.result).to.equal(result);
  });
});
