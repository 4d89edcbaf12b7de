import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { holdings } from '../support/leaks.js';
import { type Kit, launchPuppet } from '../support/puppet.js';
import { launchRogue } from './rogue.js';
import { expectSetupError, refusedLaunch } from './support.js';

describe('a sandboxee that never enters the gate', () => {
  leakGate();

  it('ends at its deadline when it waits', async () => {
    const launching = launchRogue(() => new Promise((resolve) => setTimeout(resolve, 60_000)), {
      limits: { gateTime: 400 },
    });
    const { hint } = await expectSetupError(launching, 'gate:deadline', /did not enter the gate within 400 ms/);
    expect(hint).to.match(/sandboxMeHere\(\).*limits\.gateTime/);
  });

  it('ends at its deadline when it keeps the CPU busy, and says nothing', async () => {
    const launching = launchRogue(
      () => {
        for (;;);
      },
      { limits: { gateTime: 400 } },
    );
    await expectSetupError(launching, 'gate:deadline', /within 400 ms/);
  });

  it('ends at its deadline when it ignores every signal that can be ignored', async () => {
    const launching = launchRogue(
      () => {
        for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {});
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      },
      { limits: { gateTime: 400 } },
    );
    await expectSetupError(launching, 'gate:deadline', /within 400 ms/);
  });

  it('ends at its deadline between hello and the filter', async () => {
    const launching = launchRogue(
      async (kit) => {
        await kit.hello();
        await kit.filter();
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      },
      { limits: { gateTime: 600 } },
    );
    await expectSetupError(launching, 'gate:deadline', /within 600 ms/);
  });

  it('ends by its wall time where that is less', async () => {
    const limits = { gateTime: 60_000, wallTime: 300 };
    const result = await refusedLaunch(
      launchRogue(() => new Promise((resolve) => setTimeout(resolve, 60_000)), { limits }),
    );
    expect(result).to.include({ status: 'timeout', asked: 300 });
  });

  it('is named when it throws, with the end of its stderr', async () => {
    const before = (): void => {
      throw new Error('the model is missing');
    };
    await expectSetupError(launchPuppet({ before }), 'start-up', /exited with code 1 [\s\S]*the model is missing/);
  });

  it('is named when it exits, also with 0', async () => {
    const { hint } = await expectSetupError(
      launchPuppet({ before: () => process.exit(0) }),
      'start-up',
      /exited with code 0 .*nothing to its stderr/,
    );
    expect(hint).to.match(/sandboxMeHere/);
  });

  it('is named when it runs to its end without a word', async () => {
    await expectSetupError(
      launchRogue(() => 1),
      'start-up',
      /exited with code 0/,
    );
  });

  it('is named when a signal ends it', async () => {
    const before = (): void => {
      process.kill(process.pid, 'SIGKILL');
      for (;;);
    };
    await expectSetupError(launchPuppet({ before }), 'start-up', /ended by SIGKILL/);
  });

  it('is named when its native code crashes', async () => {
    const before = ({ attack }: Kit): void => {
      // munmap of everything
      attack.syscall(11, 0, 2 ** 46);
    };
    await expectSetupError(launchPuppet({ before }), 'start-up', /ended by SIGSEGV/);
  });

  it('escapes what it said', async () => {
    const before = (): void => {
      process.stderr.write('\u001b[2Jcleared\u202e');
      process.exit(3);
    };
    const { detail } = await expectSetupError(launchPuppet({ before }), 'start-up', /exited with code 3/);
    expect(detail).to.contain('\\u{1b}[2Jcleared\\u{202e}');
  });
});

describe('sandboxMeHere()', () => {
  leakGate();

  it('is called once: a second call rejects, and the first one holds', async () => {
    await using sandboxee = await launchRogue(async ({ sandboxMeHere }) => {
      const [first, second] = await Promise.allSettled([sandboxMeHere(), sandboxMeHere()]);
      if (first.status === 'rejected') throw first.reason;
      const third = await Promise.allSettled([sandboxMeHere()]);
      const reasons = [second, ...third].map((call) => (call.status === 'rejected' ? String(call.reason) : 'resolved'));
      await first.value.comms.sendValue(reasons);
    });
    for (const reason of (await sandboxee.comms.recvValue()) as string[])
      expect(reason).to.match(/called before: a gate shuts once/);
  });

  it('says what is wrong where there is no comms', async () => {
    const launching = launchRogue(async ({ attack, sandboxMeHere }) => {
      attack.syscall(3, 3);
      await sandboxMeHere();
    });
    await expectSetupError(
      launching,
      'start-up',
      /fd 3 is no channel: sandboxMeHere\(\) works only in a process that launch\(\)/,
    );
  });
});

describe('a launch with an AbortSignal', () => {
  leakGate();

  it('ends as killed when it is aborted on the way to the gate', async () => {
    const abort = new AbortController();
    const before = holdings();
    const launching = launchRogue(() => new Promise((resolve) => setTimeout(resolve, 60_000)), {
      signal: abort.signal,
    });
    const refused = refusedLaunch(launching);
    while (holdings().children.length === before.children.length) await nextTurn();
    abort.abort();
    expect(await refused).to.include({ status: 'killed', reason: 'its AbortSignal was aborted' });
  });

  it('ends as killed when it is aborted while it is prepared', async () => {
    const abort = new AbortController();
    const refused = refusedLaunch(launchPuppet({ signal: abort.signal }));
    abort.abort();
    expect(await refused).to.include({ status: 'killed', reason: 'its AbortSignal was aborted' });
  });

  it('starts nothing when it was aborted before', async () => {
    const reason = new Error('changed my mind');
    const error = await launchPuppet({ signal: AbortSignal.abort(reason) }).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).to.equal(reason);
  });
});
