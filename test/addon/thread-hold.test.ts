import { constants } from 'node:os';
import { expect } from 'chai';
import { ProcessView } from '../../broker/process/process-view.js';
import * as native from '../../native/broker.js';
import { leakGate } from '../support/leak-gate.js';
import { answers, Target, Watch } from './monitor-target.js';
import { held, tracerOf, withProgram } from './program.js';
import { eventually, SYS } from './support.js';

describe('holdThreads()', () => {
  leakGate();

  it('says ESRCH of a thread that is not there, and holds none where none are named', async () => {
    const { threads, release } = await held([2 ** 22 + 1]);
    release();
    expect(threads[0]?.errno).to.equal(constants.errno.ESRCH);
    expect((await held([])).threads).to.deep.equal([]);
  });

  it('goes on by itself when the time to hold it is over', async () => {
    await withProgram(['-O2', '-fomit-frame-pointer'], async (pid) => {
      const { threads } = await held([pid], 50);
      expect(threads[0]).to.include({ tid: pid, errno: 0 });
      await eventually(() => tracerOf(pid) === 0, 'it is let go');
    });
  });

  it('refuses what is no thread, too many threads, and too long a time', () => {
    const never = (): void => {};
    for (const tids of [[0], [-1], [1.5], ['1'], Array(1025).fill(1)]) {
      expect(() => native.holdThreads(tids as number[], 10, never)).to.throw(/tids/);
    }
    for (const time of [0, 5001, Number.NaN]) expect(() => native.holdThreads([1], time, never)).to.throw(/mostMs/);
    expect(() => native.holdThreads([1], 10, undefined as never)).to.throw(/onSettled/);
  });
});

describe('readMemory()', () => {
  leakGate();

  const read = (pid: number, ...ranges: bigint[]): Promise<{ bytes: Buffer; lengths: number[] }> =>
    new Promise((resolve) =>
      native.readMemory(pid, new BigUint64Array(ranges), (_error, bytes, lengths) => resolve({ bytes, lengths })),
    );

  it('says how much of each range is there, whatever the address', async () => {
    await withProgram(['-O2', '-fomit-frame-pointer'], async (pid) => {
      const { threads, release } = await held([pid]);
      const stack = threads[0]?.stack ?? 0n;
      const { lengths } = await read(pid, stack, 64n, 0n, 64n, 2n ** 64n - 8n, 64n, stack, 0n, 0xdead_beef_0000n, 1n);
      release();
      expect(lengths).to.deep.equal([64, 0, 0, 0, 0]);
    });
  });

  it('reads up to the page that is not there', async () => {
    await withProgram(['-O2', '-fomit-frame-pointer'], async (pid) => {
      using view = new ProcessView(pid);
      const end = BigInt(`0x${/-([0-9a-f]+) .*\[stack\]/.exec(await view.maps())?.[1]}`);
      const { lengths } = await read(pid, end - 5000n, 20_000n);
      expect(lengths).to.deep.equal([5000]);
    });
  });

  it('refuses itself by number 0, more than 1 MiB, and more than 1024 ranges', () => {
    const never = (): void => {};
    expect(() => native.readMemory(0, new BigUint64Array(2), never)).to.throw(/pid/);
    expect(() => native.readMemory(1, new BigUint64Array(3), never)).to.throw(/pairs/);
    expect(() => native.readMemory(1, new BigUint64Array(2050), never)).to.throw(/1024/);
    for (const lengths of [[2n ** 20n + 1n], [2n ** 20n, 1n], [2n ** 64n - 1n], [2n ** 63n, 2n ** 63n]]) {
      const ranges = new BigUint64Array(lengths.flatMap((length) => [4096n, length]));
      expect(() => native.readMemory(1, ranges, never)).to.throw(/1 MiB/);
    }
  });
});

describe('a monitor that holds', () => {
  leakGate();

  async function violate(holdTime: number, use: (target: Target, watch: Watch) => Promise<void>): Promise<void> {
    const target = await Target.start([SYS.execve]);
    const watch = new Watch(target, { answers: answers({}), holdTime });
    try {
      target.order(SYS.execve);
      await use(target, watch);
    } finally {
      watch.monitor.stop();
      await target.dispose();
    }
  }

  const heldBy = ({ reports }: Watch): native.HeldThread | null | undefined => reports.at(-1)?.held;

  it('stops the thread of a violation in its syscall, and kills it once it is told to', async () => {
    await violate(5000, async (target, watch) => {
      await eventually(() => watch.violation !== null, 'the violation');
      expect(heldBy(watch)).to.include({ tid: target.pid, errno: 0 });
      expect(heldBy(watch)?.instruction).to.equal(watch.violation?.instructionPointer);
      expect(heldBy(watch)?.stack).to.not.equal(0n);
      expect(target.alive).to.equal(true);
      watch.monitor.release();
      expect(await target.ended).to.include({ kind: 'signaled', signal: constants.signals.SIGKILL });
    });
  });

  it('kills it when the time is over', async () => {
    await violate(50, async (target, watch) => {
      expect(await target.ended).to.include({ kind: 'signaled', signal: constants.signals.SIGKILL });
      expect(heldBy(watch)).to.include({ errno: 0 });
    });
  });

  it('kills it when it is stopped', async () => {
    await violate(5000, async (target, watch) => {
      await eventually(() => watch.violation !== null, 'the violation');
      watch.monitor.stop();
      expect(await target.ended).to.include({ kind: 'signaled', signal: constants.signals.SIGKILL });
    });
  });
});
