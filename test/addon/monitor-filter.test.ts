import { expect } from 'chai';
import fc from 'fast-check';
import { compile } from '../../broker/policy/bpf/compiler.js';
import { deny, trace, violation, when } from '../../broker/policy/bpf/dsl.js';
import type { Action, Condition, Expression } from '../../broker/policy/bpf/nodes.js';
import { verdict } from '../../broker/policy/bpf/simulator.js';
import { AUDIT_ARCH_X86_64 } from '../../broker/policy/syscalls/index.js';
import { TracedAnswer } from '../../native/broker.js';
import { argumentLists, conditions } from '../policy/arbitraries.js';
import { leakGate } from '../support/leak-gate.js';
import { answers, Target, Watch } from './monitor-target.js';
import { eventually, SYS } from './support.js';

const EPERM = 1;
const PROGRAMS = 25;
const CALLS = 40;
const permit: Action = { kind: 'notify', answer: { kind: 'permit' } };

function programFor(first: Condition, second: Condition): Uint8Array {
  const rule: Expression = when<Action>(first, trace()).when(second, permit).otherwise(deny(EPERM));
  return compile({
    architecture: AUDIT_ARCH_X86_64,
    highest: 400,
    rules: new Map([[SYS.getppid, rule]]),
    unlisted: violation(),
    unknown: violation(),
    foreign: violation(),
  });
}

describe('the monitor, by the filter', () => {
  leakGate();

  it('decides as the simulator does, and so as the kernel, over random rules and arguments', async () => {
    const seen = new Map<string, number>();
    for (const [first, second] of fc.sample(fc.tuple(conditions, conditions), PROGRAMS)) {
      const program = programFor(first, second);
      const target = await Target.start([SYS.getppid]);
      const watch = new Watch(target, { answers: answers({ [SYS.getppid]: 0x20000 | EPERM }), program });
      for (const args of fc.sample(argumentLists, CALLS)) {
        const { kind } = verdict(program, { number: SYS.getppid, architecture: AUDIT_ARCH_X86_64, args });
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
        target.order(SYS.getppid, { args });
        if (kind === 'trace') {
          let asked = watch.monitor.takeTraced();
          await eventually(() => {
            if (asked.length === 0) asked = watch.monitor.takeTraced();
            return asked.length > 0;
          }, 'a traced call');
          expect(asked.map((record) => record.args)).to.deep.equal([args]);
          for (const { id } of asked) watch.monitor.answerTraced(id, TracedAnswer.Allow);
        }
        expect(await target.result()).to.equal(kind === 'notify' ? -EPERM : process.pid);
        expect(watch.monitor.takeTraced()).to.deep.equal([]);
      }
      expect(watch.take().violation).to.equal(null);
      watch.monitor.stop();
      await target.dispose();
    }
    expect([...seen.keys()]).to.have.members(['trace', 'permit', 'notify']);
  }).timeout(60_000);
});
