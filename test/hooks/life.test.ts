import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { node } from '../../broker/executor.js';
import { type Hooks, LaunchError, OptionError, policies, type Result, type Violation } from '../../broker/index.js';
import { launch } from '../../broker/launch.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { call, TRACED, tracing } from './support.js';

const greeter = new URL('./fixtures/greeter.js', import.meta.url);

function launchGreeter(hooks: Hooks, gateTime = 20_000) {
  return launch(node(greeter), { policy: policies.node().build(), hooks, limits: { gateTime } });
}

async function failureOf(launched: Promise<unknown>): Promise<Result> {
  const error: unknown = await launched.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof LaunchError) return error.result;
  throw new Error(`a LaunchError was expected, not ${String(error)}`);
}

/** What came on the channel of failed hooks while something ran. */
async function hookErrorsDuring(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const seen: Record<string, unknown>[] = [];
  const note = (message: unknown): void => {
    seen.push(message as Record<string, unknown>);
  };
  subscribe('sallyport:hook-error', note);
  try {
    await work();
    return seen;
  } finally {
    unsubscribe('sallyport:hook-error', note);
  }
}

describe('the hook started', () => {
  leakGate();

  it('exchanges data with the program before it is sandboxed, and the program uses it after', async () => {
    let heard = '';
    const sandboxee = await launchGreeter({
      async started({ comms, pid }) {
        expect(pid).to.be.greaterThan(0);
        heard = await comms.recvString();
        await comms.sendUint32(33);
      },
    });
    expect(heard).to.equal('unfiltered: 1 filter');
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 33 });
    sandboxee.comms.close();
  });

  it('gets the same handle that launch() resolves with', async () => {
    let handle: unknown;
    await using sandboxee = await launchPuppet({
      hooks: {
        started: (given) => {
          handle = given;
        },
      },
    });
    expect(handle).to.equal(sandboxee);
  });

  it('that throws fails the launch, and finished is told', async () => {
    for (const started of [
      () => {
        throw new Error('not today');
      },
      async () => Promise.reject(new Error('not today')),
    ]) {
      const finished: Result[] = [];
      const result = await failureOf(launchPuppet({ hooks: { started, finished: (end) => void finished.push(end) } }));
      expect(result).to.include({ status: 'setup-error', step: 'hook:started' });
      expect(result.status === 'setup-error' && result.detail).to.include('not today');
      expect(finished).to.deep.equal([result]);
    }
  });

  it('that is never done is ended by limits.gateTime', async () => {
    const result = await failureOf(
      launchPuppet({ limits: { gateTime: 1500 }, hooks: { started: () => new Promise(() => {}) } }),
    );
    expect(result).to.include({ status: 'setup-error', step: 'hook:started' });
  });

  it('that kills the sandboxee fails the launch: it was killed', async () => {
    const result = await failureOf(launchPuppet({ hooks: { started: (sandboxee) => sandboxee.kill('no') } }));
    expect(result).to.include({ status: 'killed', reason: 'no' });
  });

  it('leaves nothing unread: what is sent and not received fails the launch', async () => {
    const result = await failureOf(launchGreeter({ started: async () => {} }));
    expect(result.status).to.be.oneOf(['setup-error', 'violation']);
  });

  it('is what lets data cross before go: without it that is a violation of the protocol', async () => {
    const result = await failureOf(launchGreeter({}));
    expect(result).to.include({ status: 'violation', kind: 'protocol' });
  });
});

describe('the hook finished', () => {
  leakGate();

  it('is called once, with the result, before sandboxee.result resolves', async () => {
    const order: unknown[] = [];
    await using sandboxee = await launchPuppet({ hooks: { finished: (result) => void order.push(result) } });
    void sandboxee.result.then(() => order.push('resolved'));
    await begin(sandboxee, () => process.exit(3));
    const result = await sandboxee.result;
    await sandboxee.close();
    expect(order).to.deep.equal([result, 'resolved']);
  });

  it('that throws or rejects changes nothing, and is told', async () => {
    for (const finished of [
      () => {
        throw new Error('oops');
      },
      () => Promise.reject(new Error('oops')),
      () => {
        throw Object.assign(Object.create(null), { message: 'oops' });
      },
    ]) {
      const errors = await hookErrorsDuring(async () => {
        const sandboxee = await launchPuppet({ hooks: { finished } });
        await begin(sandboxee, () => process.exit(0));
        expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
        await sandboxee.close();
      });
      expect(errors.map(({ hook }) => hook)).to.deep.equal(['finished']);
      expect(errors[0]?.error).to.have.property('message', 'oops');
    }
  });

  it('that throws where nobody listens is a warning of the process', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const sandboxee = await launchPuppet({
      hooks: {
        finished: () => {
          throw new Error('unheard');
        },
      },
    });
    await sandboxee.close();
    const warning = await warned;
    expect(warning.name).to.equal('SallyportWarning');
    expect(warning.message).to.match(/hooks\.finished\(\) .* failed: unheard/);
  });
});

describe('the hook violation', () => {
  leakGate();

  it('is called once for a syscall, an architecture, and a broken protocol, before finished', async () => {
    const actions = {
      syscall: () => process.kill(1, 'SIGTERM'),
      architecture: ({ attack }: { attack: { int80(number: number): number } }) => attack.int80(20),
      protocol: ({ modules: { fs } }: { modules: { fs: typeof import('node:fs') } }) =>
        fs.writeSync(3, Buffer.alloc(64, 0xff)),
    };
    for (const [kind, action] of Object.entries(actions)) {
      const told: (Violation | Result)[] = [];
      await using sandboxee = await launchPuppet({
        hooks: { violation: (violation) => void told.push(violation), finished: (result) => void told.push(result) },
      });
      await begin(sandboxee, action as () => unknown);
      const result = await sandboxee.result;
      expect(told).to.have.length(2);
      expect(told[0]).to.include({ kind });
      expect(told[1]).to.equal(result);
      expect(result).to.include({ status: 'violation', kind });
    }
  });

  it('that throws changes nothing, and is told', async () => {
    const errors = await hookErrorsDuring(async () => {
      await using sandboxee = await launchPuppet({
        hooks: {
          violation: () => {
            throw new Error('oops');
          },
        },
      });
      await begin(sandboxee, () => process.kill(1, 'SIGTERM'));
      expect(await sandboxee.result).to.include({ status: 'violation', kind: 'syscall' });
    });
    expect(errors.map(({ hook }) => hook)).to.deep.equal(['violation']);
  });
});

describe('launch({ hooks })', () => {
  leakGate();

  const wrong: readonly (readonly [unknown, string])[] = [
    [null, 'launch().hooks'],
    ['trace', 'launch().hooks'],
    [{ strated: () => {} }, 'launch().hooks.strated'],
    [{ finished: 1 }, 'launch().hooks.finished'],
    [{ trace: 'allow' }, 'launch().hooks.trace'],
    [{ traceTime: 0 }, 'launch().hooks.traceTime'],
    [{ traceTime: 1.5 }, 'launch().hooks.traceTime'],
    [{ traceTime: 1e9 }, 'launch().hooks.traceTime'],
    [{ traceTime: Number.NaN }, 'launch().hooks.traceTime'],
  ];
  for (const [hooks, option] of wrong) {
    it(`refuses ${inspect(hooks)} before anything is started`, async () => {
      const error: unknown = await launchPuppet({ hooks: hooks as never }).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(OptionError).with.property('option', option);
    });
  }

  it('refuses a policy that traces without a hook to decide', async () => {
    for (const hooks of [undefined, {}, { finished: () => {} }]) {
      const error: unknown = await launchPuppet({ policy: tracing, ...(hooks ? { hooks } : {}) }).catch(
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(OptionError).with.property('option', 'launch().hooks.trace');
    }
  });

  it('takes an object of a class, and calls its methods as such', async () => {
    class Observer implements Hooks {
      readonly #seen: string[] = [];

      get seen(): string {
        return this.#seen.join(' ');
      }

      trace(): 'allow' {
        this.#seen.push('trace');
        return 'allow';
      }

      started(): void {
        this.#seen.push('started');
      }

      finished(): void {
        this.#seen.push('finished');
      }
    }
    const observer = new Observer();
    const sandboxee = await launchPuppet({ policy: tracing, hooks: observer });
    expect(await call(sandboxee, TRACED, 0, 0)).to.equal(20);
    await sandboxee.close();
    expect(observer.seen).to.equal('started trace finished');
  });

  it('takes a hook that no policy needs', async () => {
    await using sandboxee = await launchPuppet({ hooks: { trace: () => 'deny' } });
    expect(await perform(sandboxee, () => 1)).to.equal(1);
    expect(TRACED).to.equal('getpriority');
  });
});
