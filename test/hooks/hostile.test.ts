import { expect } from 'chai';
import type { Sandboxee, TraceDecision } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { perform } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';
import { until } from '../support/until.js';
import { beginCall, launchTraced, recording, requireViolation, TRACED } from './support.js';

const THREADS = 200;
const limits = { processes: THREADS + 64 };

/** So many threads, all of which make the traced call for ever. */
async function storm(sandboxee: Sandboxee, threads = THREADS): Promise<void> {
  const failed = await perform(
    sandboxee,
    ({ attack }, count: number, number: number) => {
      let failures = 0;
      for (let at = 0; at < count; at += 1) failures += attack.storm(number, at, 0) === 0 ? 0 : 1;
      return failures;
    },
    threads,
    numberOf(TRACED),
  );
  expect(failed).to.equal(0);
}

describe('a sandboxee all of whose threads are in traced calls', () => {
  leakGate();

  it('is answered, call by call, while the event loop of the broker keeps most of its time', async () => {
    const { hooks, asked } = recording(() => 'allow');
    await using sandboxee = await launchTraced(hooks, { limits });
    await storm(sandboxee);
    await until(() => asked.length > 10 * THREADS, 'each has been asked about ten times');
    expect(new Set(asked.map(({ args }) => args[0])).size, 'none is forgotten').to.equal(THREADS);
    expect(await perform(sandboxee, () => 1 + 1), 'the main thread works on').to.equal(2);
    expect(await sandboxee.close()).to.include({ status: 'killed' });
  });

  for (const answered of [false, true]) {
    it(`ends by kill() with all of them waiting${answered ? ', and late answers do nothing' : ''}`, async () => {
      const waiting: ((decision: TraceDecision) => void)[] = [];
      const { hooks } = recording(() => new Promise((resolve) => waiting.push(resolve)));
      const sandboxee = await launchTraced({ ...hooks, traceTime: 60_000 }, { limits });
      await storm(sandboxee);
      await until(() => waiting.length === THREADS, 'all of them wait');
      sandboxee.kill('enough');
      expect(await sandboxee.result).to.include({ status: 'killed', reason: 'enough' });
      const late = ['allow', 'deny', { errno: 'EPERM' }] as const;
      if (answered) for (const [index, answer] of waiting.entries()) answer(late[index % 3] ?? 'deny');
      expect((await sandboxee.close()).status).to.equal('killed');
    });
  }

  it('ends by a violation of one with all the others waiting', async () => {
    let waiting = 0;
    const { hooks } = recording(() => {
      waiting += 1;
      return new Promise(() => {});
    });
    await using sandboxee = await launchTraced({ ...hooks, traceTime: 60_000 }, { limits });
    await storm(sandboxee);
    await until(() => waiting === THREADS, 'all of them wait');
    await beginCall(sandboxee, 'ptrace');
    expect(requireViolation(await sandboxee.result).syscall.name).to.equal('ptrace');
  });

  it('ends by its own exit with all of them waiting', async () => {
    let waiting = 0;
    const { hooks } = recording(() => {
      waiting += 1;
      return new Promise(() => {});
    });
    await using sandboxee = await launchTraced({ ...hooks, traceTime: 60_000 }, { limits });
    await storm(sandboxee);
    await until(() => waiting === THREADS, 'all of them wait');
    await perform(sandboxee, () => {
      setImmediate(() => process.exit(7));
    });
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 7 });
  });

  it('ends where more of them wait than the monitor keeps', async () => {
    const { hooks, asked } = recording(() => new Promise(() => {}));
    await using sandboxee = await launchTraced({ ...hooks, traceTime: 60_000 }, { limits: { processes: 1200 } });
    const stormed = storm(sandboxee, 1100).catch(() => {});
    const result = requireViolation(await sandboxee.result);
    expect(result.syscall.reason).to.deep.equal({
      by: 'hook',
      rule: 'by the monitor: more calls waited for the trace hook than it keeps',
      hint: 'answer sooner in hooks.trace(), or lower limits.processes',
    });
    expect(asked.length).to.be.at.most(1024);
    await stormed;
  });

  it('has one violation where every one of them is denied', async () => {
    const violations: unknown[] = [];
    await using sandboxee = await launchTraced(
      { trace: () => 'deny', violation: (violation) => void violations.push(violation) },
      { limits },
    );
    const stormed = storm(sandboxee).catch(() => {});
    const result = requireViolation(await sandboxee.result);
    expect(result.syscall.reason.by).to.equal('hook');
    expect(violations).to.have.length(1);
    await stormed;
  });
});
