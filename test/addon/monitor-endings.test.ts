import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { AUDIT_ARCH_X86_64, answers, deny, Target, Watch } from './monitor-target.js';
import { broker, collectGarbage, errorOf, eventually, SYS, turns } from './support.js';

const ENOENT = 2;
const { SIGKILL } = constants.signals;

describe('monitor: endings', () => {
  leakGate();

  let target: Target;
  let watch: Watch | undefined;

  async function start(numbers: number[], options: ConstructorParameters<typeof Watch>[1]): Promise<Watch> {
    target = await Target.start(numbers);
    watch = new Watch(target, options);
    return watch;
  }

  afterEach(async () => {
    watch?.monitor.stop();
    watch = undefined;
    await target.dispose();
  });

  it('sees the end of all that was under the filter', async () => {
    const seen = await start([SYS.openat], { answers: answers({}) });
    target.dismiss();
    expect(await target.ended).to.include({ kind: 'exited', code: 0 });
    await eventually(() => seen.reports.some(({ ended }) => ended === 'hangup'), 'the hangup');
    expect(seen.take()).to.include({ ended: 'hangup', violation: null, failure: null });
  });

  it('kills and ends when it is stopped, with nothing pending', async () => {
    const seen = await start([SYS.openat], { answers: answers({}) });
    const begun = performance.now();
    seen.monitor.stop();
    expect(performance.now() - begun).to.be.below(90);
    seen.monitor.stop();
    expect(await target.ended).to.include({ kind: 'signaled', signal: SIGKILL });
    expect(errorOf(() => broker.describe(target.listener)).code).to.equal('EBADF');
    expect(seen.take().violation).to.equal(null);
  });

  it('kills and ends when it is stopped while a notification waits', async () => {
    target = await Target.start([SYS.openat]);
    // Nobody receives yet: the target is in its syscall when the monitor comes and goes.
    target.order(SYS.openat, { path: '/pending', pathArgument: 1, repeat: 1_000_000 });
    for (let round = 0; round < 3; round++) await turns(5);
    watch = new Watch(target, { answers: answers({ [SYS.openat]: deny(ENOENT, 1) }) });
    watch.monitor.stop();
    expect(await target.ended).to.include({ kind: 'signaled', signal: SIGKILL });
  });

  it('answers nothing more once it is stopped, and nobody else can', async () => {
    const seen = await start([SYS.openat], { answers: answers({ [SYS.openat]: deny(ENOENT, 1) }) });
    target.order(SYS.openat, { path: '/x', pathArgument: 1, repeat: 1_000_000 });
    await eventually(() => seen.denials.length > 0, 'the first denials');
    seen.monitor.stop();
    const { wakeUps } = seen;
    await target.ended;
    await turns(10);
    expect(seen.wakeUps - wakeUps).to.be.at.most(1);
  });

  it('has no thread left after stop()', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    const seen = await start([SYS.openat], { answers: answers({}) });
    const during = threads();
    seen.monitor.stop();
    expect(threads()).to.be.below(during);
  });

  it('fails closed where its listener is none', async () => {
    target = await Target.start([]);
    broker.close(target.listener);
    const [readEnd, writeEnd] = broker.pipe();
    broker.close(writeEnd);
    const fake = Object.create(target, { listener: { value: readEnd } });
    watch = new Watch(fake, { answers: answers({}) });
    expect(await target.ended).to.include({ kind: 'signaled', signal: SIGKILL });
    const { ended, failure } = watch.take();
    expect(ended).to.equal('failed');
    expect(failure).to.match(/^E[A-Z]+: .*SECCOMP_IOCTL_NOTIF_RECV$/);
  });

  it('kills its sandboxee where it was forgotten', async () => {
    target = await Target.start([SYS.openat]);
    const forget = (): void => {
      const options = {
        listener: target.listener,
        killPidfd: target.pidfd,
        arch: AUDIT_ARCH_X86_64,
        answers: answers({}),
        pathArguments: new Int8Array(0),
        pathDenialIsViolation: false,
        harmlessPaths: [],
        holdTime: 0,
        unknownAbove: 470,
        firstExec: null,
        program: new Uint8Array(0),
      };
      new broker.Monitor(options, () => undefined);
    };
    forget();
    let over = false;
    const ended = target.ended.then((status) => {
      over = true;
      return status;
    });
    await eventually(() => {
      collectGarbage();
      return over;
    }, 'the end of the sandboxee');
    expect(await ended).to.include({ kind: 'signaled', signal: SIGKILL });
  });

  it('owns the listener, and closes it, where its options make no sense', async () => {
    const wrong: Record<string, unknown>[] = [
      { answers: new Int32Array([-2]) },
      { answers: new Int32Array([0x10000]) },
      { answers: new Int32Array([deny(ENOENT, 6)]) },
      { answers: new Int32Array([0x1000]) },
      { answers: new Int32Array([2 | (1 << 20)]) },
      { answers: [1] },
      { answers: new Int32Array(5000) },
      { pathArguments: new Int8Array([6]) },
      { arch: -1 },
      { arch: 2 ** 32 },
      { harmlessPaths: ['a\0b'] },
      { killPidfd: 99_999 },
      { pathDenialIsViolation: 1 },
    ];
    for (const change of wrong) {
      const [listener, other] = broker.pipe();
      broker.close(other);
      const options = {
        listener,
        killPidfd: listener,
        arch: AUDIT_ARCH_X86_64,
        answers: answers({}),
        pathArguments: new Int8Array(0),
        pathDenialIsViolation: false,
        harmlessPaths: [],
        unknownAbove: 470,
        firstExec: null,
        program: new Uint8Array(0),
        ...change,
      };
      expect(
        errorOf(() => new broker.Monitor(options as never, () => undefined)).code,
        JSON.stringify(change),
      ).to.match(/^(ERR_OUT_OF_RANGE|ERR_INVALID_ARG_TYPE|EBADF)$/);
      expect(errorOf(() => broker.describe(listener)).code).to.equal('EBADF');
    }
    target = await Target.start([]);
    broker.close(target.listener);
  });
});
