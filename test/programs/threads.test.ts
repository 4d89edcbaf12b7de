import { expect } from 'chai';
import { launch, PolicyBuilder, program, type Tier } from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';

const BARE = new PolicyBuilder().allowStaticStartup().allowExit().allowSystemMalloc();

describe('threads of a program in C', () => {
  leakGate();

  const start = async (policy: PolicyBuilder, tier: Tier) => {
    const executor = program(attackProgram('cases'), { args: ['threads'] });
    await using sandboxee = await launch(executor, { policy: policy.build(), limits: { wallTime: 10_000 }, tier });
    return await sandboxee.result;
  };

  for (const tier of ['full', 'base'] as const) {
    it(`are created, wait for each other and are joined, with allowThreads(), in tier ${tier}`, async () => {
      const policy = BARE.allowThreads()
        .allowMmapWithoutExec()
        .allowMprotectWithoutExec()
        .allowSyscalls('madvise', 'rt_sigprocmask');
      expect(await start(policy, tier)).to.include({ status: 'ok', exitCode: 0 });
    });

    it(`are none without it, in tier ${tier}: the first is a violation`, async () => {
      const result = await start(BARE.allowMmapWithoutExec().allowMprotectWithoutExec(), tier);
      expect(result).to.include({ status: 'violation', kind: 'syscall' });
      expect(result).to.have.nested.property('syscall.name', 'clone');
    });
  }
});
