import { constants } from 'node:os';
import { expect } from 'chai';
import { TracedAnswer, type TracedRecord } from '../../native/broker.js';
import { leakGate } from '../support/leak-gate.js';
import { AUDIT_ARCH_X86_64, answers, deny, Target, Watch } from './monitor-target.js';
import { broker, errorOf, eventually, SYS, turns } from './support.js';

const EPERM = 1;
const BY_FILTER = 0x20000;
const NOTIFY = 0x7fc00000;
const TRACE = NOTIFY | 1;
const PERMIT = NOTIFY | 2;
const { SIGKILL } = constants.signals;

type Instruction = readonly [code: number, yes: number, no: number, operand: number];

function filter(...instructions: readonly Instruction[]): Uint8Array {
  const program = Buffer.alloc(instructions.length * 8);
  for (const [index, [code, yes, no, operand]] of instructions.entries()) {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(yes, index * 8 + 2);
    program.writeUInt8(no, index * 8 + 3);
    program.writeUInt32LE(operand, index * 8 + 4);
  }
  return program;
}

/** `verdict` where the low word of argument 0 is below 1000, masked by 0xffff, else a plain notification. */
const below1000 = (verdict: number): Uint8Array =>
  filter([0x20, 0, 0, 16], [0x54, 0, 0, 0xffff], [0x35, 1, 0, 1000], [0x06, 0, 0, verdict], [0x06, 0, 0, NOTIFY]);

describe('monitor: traced calls', () => {
  leakGate();

  let target: Target;
  let watch: Watch | undefined;

  async function start(verdict = TRACE, refusal = 0): Promise<Watch> {
    target = await Target.start([SYS.getppid]);
    watch = new Watch(target, {
      answers: answers({ [SYS.getppid]: BY_FILTER | refusal }),
      program: below1000(verdict),
    });
    return watch;
  }

  async function traced({ monitor }: Watch): Promise<TracedRecord> {
    const found: TracedRecord[] = [];
    await eventually(() => {
      found.push(...monitor.takeTraced());
      return found.length > 0;
    }, 'a traced call');
    expect(found).to.have.length(1);
    return found[0] as TracedRecord;
  }

  afterEach(async () => {
    watch?.monitor.stop();
    watch = undefined;
    await target.dispose();
  });

  it('wait until they are answered: they go on', async () => {
    const seen = await start();
    target.order(SYS.getppid, { args: [7n, 2n, 3n, 4n, 5n, 0xffff_ffff_ffff_ffffn] });
    const record = await traced(seen);
    expect(record).to.include({ arch: AUDIT_ARCH_X86_64, number: SYS.getppid, tid: target.pid });
    expect(record.args).to.deep.equal([7n, 2n, 3n, 4n, 5n, 0xffff_ffff_ffff_ffffn]);
    expect(seen.monitor.answerTraced(record.id, TracedAnswer.Allow)).to.equal(true);
    expect(await target.result()).to.equal(process.pid);
    expect(seen.take()).to.deep.include({ denials: [], permitted: [], violation: null, failure: null });
  });

  it('get the errno that they are answered with', async () => {
    const seen = await start();
    target.order(SYS.getppid);
    expect(seen.monitor.answerTraced((await traced(seen)).id, 42)).to.equal(true);
    expect(await target.result()).to.equal(-42);
  });

  it('are the end of the sandboxee where they are denied, and the violation is reported', async () => {
    const seen = await start();
    target.order(SYS.getppid, { args: [5n] });
    const record = await traced(seen);
    expect(seen.monitor.answerTraced(record.id, TracedAnswer.Deny)).to.equal(true);
    expect(await target.ended).to.include({ kind: 'signaled', signal: SIGKILL });
    const { violation } = seen.take();
    expect(violation).to.include({ number: SYS.getppid, tid: record.tid });
    expect(violation?.args[0]).to.equal(5n);
  });

  it('are those alone that the filter says, by the masked arguments; the rest is refused as the answer says', async () => {
    const seen = await start(TRACE, deny(EPERM));
    expect(await target.call(SYS.getppid, { args: [1000n] })).to.equal(-EPERM);
    expect(await target.call(SYS.getppid, { args: [0xffffn] })).to.equal(-EPERM);
    expect(seen.monitor.takeTraced()).to.deep.equal([]);
    target.order(SYS.getppid, { args: [0xffff_ffff_abcd_0000n + 999n] });
    expect(seen.monitor.answerTraced((await traced(seen)).id, TracedAnswer.Allow)).to.equal(true);
    expect(await target.result()).to.equal(process.pid);
  });

  it('are violations where the filter says neither trace nor permit', async () => {
    for (const verdict of [NOTIFY, NOTIFY | 3, 0x7fff0000, 0x7fff0001, 0x7ff00001, 0, 0x80000000]) {
      const seen = await start(verdict);
      target.order(SYS.getppid);
      await eventually(() => seen.violation !== null, 'the violation');
      expect(seen.monitor.takeTraced()).to.deep.equal([]);
      seen.monitor.stop();
      await target.dispose();
    }
    target = await Target.start([]);
    broker.close(target.listener);
  });

  it('are answered once, and nothing is answered that does not wait', async () => {
    const seen = await start();
    target.order(SYS.getppid);
    const { id } = await traced(seen);
    for (const wrong of [0n, id + 1n, id - 1n, 0xffff_ffff_ffff_ffffn]) {
      expect(seen.monitor.answerTraced(wrong, TracedAnswer.Allow)).to.equal(false);
      expect(seen.monitor.answerTraced(wrong, TracedAnswer.Deny)).to.equal(false);
    }
    expect(seen.monitor.answerTraced(id, TracedAnswer.Allow)).to.equal(true);
    for (const again of [TracedAnswer.Allow, TracedAnswer.Deny, 1]) {
      expect(seen.monitor.answerTraced(id, again)).to.equal(false);
    }
    expect(await target.result()).to.equal(process.pid);
    expect(target.alive).to.equal(true);
  });

  it('that were killed meanwhile take no harm from an answer', async () => {
    for (const answer of [TracedAnswer.Allow, TracedAnswer.Deny, 1]) {
      const seen = await start();
      target.order(SYS.getppid);
      const { id } = await traced(seen);
      broker.signalPidfd(target.pidfd, SIGKILL);
      await target.ended;
      expect(seen.monitor.answerTraced(id, answer)).to.equal(false);
      expect(seen.take()).to.deep.include({ violation: null, failure: null });
      seen.monitor.stop();
      await target.dispose();
    }
    target = await Target.start([]);
    broker.close(target.listener);
  });

  it('end with the monitor, which then answers nothing', async () => {
    const seen = await start();
    target.order(SYS.getppid);
    const { id } = await traced(seen);
    seen.monitor.stop();
    expect(await target.ended).to.include({ kind: 'signaled', signal: SIGKILL });
    expect(seen.monitor.answerTraced(id, TracedAnswer.Allow)).to.equal(false);
    expect(seen.take().violation).to.equal(null);
  });

  it('wake the loop once until they are taken', async () => {
    const seen = await start();
    seen.takes = false;
    target.order(SYS.getppid, { repeat: 3 });
    for (let wakeUps = 1; wakeUps <= 3; wakeUps += 1) {
      await eventually(() => seen.wakeUps === wakeUps, 'a wake-up');
      await turns(10);
      expect(seen.wakeUps).to.equal(wakeUps);
      seen.monitor.answerTraced((await traced(seen)).id, TracedAnswer.Allow);
    }
    expect(await target.result()).to.equal(process.pid);
  });

  it('are answered only by what is an answer', async () => {
    const seen = await start();
    const answer = seen.monitor.answerTraced.bind(seen.monitor) as (id: unknown, answer: unknown) => boolean;
    for (const [id, value] of [
      [1, 0],
      ['1', 0],
      [undefined, 0],
      [1n, -2],
      [1n, 4096],
      [1n, 0.5],
      [1n, undefined],
      [-1n, 0],
      [1n << 64n, 0],
    ]) {
      expect(errorOf(() => answer(id, value)).code).to.match(/^ERR_(OUT_OF_RANGE|INVALID_ARG_TYPE)$/);
    }
  });
});

describe('monitor: permitted calls', () => {
  leakGate();

  let target: Target;
  let watch: Watch | undefined;

  afterEach(async () => {
    watch?.monitor.stop();
    watch = undefined;
    await target.dispose();
  });

  it('go on, and are reported with the path, those that are the same as one', async () => {
    target = await Target.start([SYS.openat, SYS.getppid]);
    watch = new Watch(target, {
      answers: answers({ [SYS.openat]: BY_FILTER, [SYS.getppid]: BY_FILTER }),
      pathArguments: new Int8Array(500).fill(-1).fill(1, SYS.openat, SYS.openat + 1),
      program: filter([0x06, 0, 0, PERMIT]),
    });
    watch.takes = false;
    expect(await target.call(SYS.openat, { path: '/nowhere', pathArgument: 1, args: [-100n] })).to.equal(-2);
    expect(await target.call(SYS.getppid, { repeat: 1000 })).to.equal(process.pid);
    const { permitted, permittedDropped, denials } = watch.take();
    expect(permitted.map(({ number, count }) => [number, count])).to.deep.equal([
      [SYS.openat, 1],
      [SYS.getppid, 1000],
    ]);
    expect(permitted[0]?.paths[1]).to.equal('/nowhere');
    expect([permittedDropped, denials.length]).to.deep.equal([0, 0]);
    expect(watch.take().permitted).to.deep.equal([]);
  });

  it('are bounded, and the rest is counted', async () => {
    target = await Target.start([SYS.getppid]);
    watch = new Watch(target, {
      answers: answers({ [SYS.getppid]: BY_FILTER }),
      program: filter([0x06, 0, 0, PERMIT]),
    });
    watch.takes = false;
    for (let at = 0; at < 100; at += 1) await target.call(SYS.getppid, { args: [BigInt(at)] });
    const { permitted, permittedDropped } = watch.take();
    expect(permitted).to.have.length(64);
    expect(permittedDropped).to.equal(36);
  });
});

describe('monitor: a program', () => {
  leakGate();

  const wrong: Readonly<Record<string, Uint8Array>> = {
    'half an instruction': new Uint8Array(12),
    'more instructions than the kernel takes': filter(...Array.from({ length: 4097 }, () => [6, 0, 0, 0] as const)),
    'one that runs past its end': filter([0x20, 0, 0, 0]),
    'a jump past the end': filter([0x05, 0, 0, 1], [0x06, 0, 0, 0]),
    'a jump so far that it comes round': filter([0x05, 0, 0, 0xffffffff], [0x06, 0, 0, 0]),
    'a test that jumps past the end': filter([0x15, 0, 1, 0], [0x06, 0, 0, 0]),
    'a load beyond the arguments': filter([0x20, 0, 0, 64], [0x06, 0, 0, 0]),
    'a load that is not aligned': filter([0x20, 0, 0, 18], [0x06, 0, 0, 0]),
    'an operation of others': filter([0x24, 0, 0, 1], [0x06, 0, 0, 0]),
    'a return of the accumulator': filter([0x16, 0, 0, 0]),
    'none, where an answer needs one': new Uint8Array(0),
  };
  for (const [says, program] of Object.entries(wrong)) {
    it(`is refused where it is ${says}`, () => {
      const [listener, other] = broker.pipe();
      broker.close(other);
      const options = {
        listener,
        killPidfd: listener,
        arch: AUDIT_ARCH_X86_64,
        answers: answers({ [SYS.getppid]: BY_FILTER }),
        pathArguments: new Int8Array(0),
        pathDenialIsViolation: false,
        harmlessPaths: [],
        unknownAbove: 470,
        firstExec: null,
        holdTime: 0,
        program,
      };
      expect(errorOf(() => new broker.Monitor(options, () => undefined)).code).to.equal('ERR_OUT_OF_RANGE');
      expect(errorOf(() => broker.describe(listener)).code).to.equal('EBADF');
    });
  }
});
