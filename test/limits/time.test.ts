import { expect } from 'chai';
import { LaunchError } from '../../broker/index.js';
import { expectLimit } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';

describe('limits of time', () => {
  leakGate();

  it('end with a timeout whoever outlives wallTime, idle or not', async () => {
    await using sandboxee = await launchPuppet({ limits: { wallTime: 700 } });
    const result = await sandboxee.result;
    expect(result).to.include({ status: 'timeout', asked: 700 });
    if (result.status === 'timeout') expect(result.used).to.be.at.least(700);
  });

  it('let go who ends before wallTime', async () => {
    await using sandboxee = await launchPuppet({ limits: { wallTime: 15_000 } });
    await begin(sandboxee, () => process.exit(0));
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
  });

  it('count wallTime before the gate too', async () => {
    const failure: unknown = await launchPuppet({
      limits: { wallTime: 300 },
      before: () => new Promise((resolve) => setTimeout(resolve, 60_000)),
    }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(LaunchError);
    expect((failure as LaunchError).result).to.include({ status: 'timeout', asked: 300 });
  });

  it('end who computes in JavaScript for more than cpuTime', async () => {
    await using sandboxee = await launchPuppet({ limits: { cpuTime: 1000 } });
    await begin(sandboxee, () => {
      for (;;);
    });
    await expectLimit(sandboxee, 'cpuTime', 1000);
  });

  it('count the cpuTime of native threads', async () => {
    await using sandboxee = await launchPuppet({ limits: { cpuTime: 1000 } });
    await perform(
      sandboxee,
      ({ attack }, getpid: number) => {
        attack.storm(getpid);
        attack.storm(getpid);
      },
      numberOf('getpid'),
    );
    await expectLimit(sandboxee, 'cpuTime', 1000);
  });

  it('do not count waiting as cpuTime', async () => {
    await using sandboxee = await launchPuppet({ limits: { cpuTime: 1000 } });
    await begin(sandboxee, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1300));
      process.exit(0);
    });
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
  });

  it('end who does not enter the gate by gateTime, with what to do', async () => {
    const failure: unknown = await launchPuppet({
      limits: { gateTime: 400 },
      before: () => new Promise((resolve) => setTimeout(resolve, 60_000)),
    }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(LaunchError);
    const { result } = failure as LaunchError;
    expect(result).to.include({ status: 'setup-error', step: 'gate:deadline' });
    expect((failure as LaunchError).message)
      .to.contain('400 ms')
      .and.to.contain('limits.gateTime');
  });
});
