import { closeSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { expect } from 'chai';
import { ProcessView } from '../../broker/process/process-view.js';
import { collectStacks } from '../../broker/stacks/collect.js';
import { readableSymbol } from '../../broker/stacks/symbol-names.js';
import * as native from '../../native/broker.js';
import { eventually } from '../addon/support.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { framesOf, namesOf } from './support.js';

const { SIGKILL } = constants.signals;
const DEPTH = 40;

function held(tids: number[], time = 2000): Promise<{ threads: native.HeldThread[]; release: () => void }> {
  return new Promise((resolve) => {
    const release = native.holdThreads(tids, time, (threads) => resolve({ threads, release }));
  });
}

/** test/native/frames.c, waiting at its innermost call. */
async function withProgram(
  flags: readonly string[],
  use: (pid: number, program: string) => Promise<void>,
): Promise<void> {
  const program = attackProgram('frames', flags, `frames${flags.join('')}`);
  const [ours, its] = native.pipe();
  const { pid, pidfd } = native.spawn(program, ['frames', String(DEPTH)], [2, 2, 2, its]);
  try {
    closeSync(its);
    await eventually(() => isWaiting(pid), 'the program at its innermost call');
    await use(pid, program);
  } finally {
    closeSync(ours);
    native.signalPidfd(pidfd, SIGKILL);
    await eventually(() => native.waitPidfd(pidfd) !== null, 'its end');
    closeSync(pidfd);
  }
}

function tracerOf(pid: number): number {
  return Number(/^TracerPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

function isWaiting(pid: number): boolean {
  using view = new ProcessView(pid);
  return view.descriptors().every(({ fd }) => fd !== 3);
}

describe('the stack of a C program', () => {
  leakGate();

  for (const [kind, ...flags] of [
    ['without frame pointers', '-O2', '-fomit-frame-pointer'],
    ['with frame pointers', '-O2', '-fno-omit-frame-pointer'],
    ['that is static', '-O2', '-fomit-frame-pointer', '-static'],
  ] as const) {
    it(`${kind} names every call up to main`, async () => {
      await withProgram(flags, async (pid, program) => {
        using view = new ProcessView(pid);
        const { threads, release } = await held([pid]);
        const [stack] = await collectStacks(view, program, threads, release);
        const names = namesOf(stack);
        expect(names.filter((name) => name === 'recurse')).to.have.length(DEPTH + 1);
        const wanted = ['waiting', 'recurse', 'outer', 'main', '_start'];
        const order = names.filter((name, index) => wanted.includes(name) && name !== names[index - 1]);
        expect(order).to.deep.equal(wanted);
      });
    });
  }

  it('that the host does not trust names nothing, and parses nothing of it', async () => {
    await withProgram(['-O2', '-fno-omit-frame-pointer'], async (pid, program) => {
      using view = new ProcessView(pid);
      const { threads, release } = await held([pid]);
      const [stack] = await collectStacks(view, process.execPath, threads, release);
      const own = framesOf(stack).filter((frame) => frame.kind === 'native' && frame.module === program);
      expect(own.length).to.be.greaterThan(DEPTH);
      for (const frame of own) expect(frame).to.have.keys(['kind', 'module', 'offset']);
    });
  });

  it('that somebody else holds is missing, with the reason', async () => {
    await withProgram(['-O2', '-fomit-frame-pointer'], async (pid, program) => {
      using view = new ProcessView(pid);
      const first = await held([pid]);
      const second = await held([pid]);
      expect(second.threads[0]?.errno).to.equal(constants.errno.EPERM);
      first.release();
      second.release();
      // It waits in a syscall, where the kernel tells its stack without stopping it.
      const [stack] = await collectStacks(view, program, second.threads, second.release);
      expect(namesOf(stack).slice(0, 2)).to.include('waiting');
      const gone = await collectStacks(view, program, [{ ...second.threads[0], tid: 2 ** 22 + 1 } as never], () => {});
      expect(gone[0]).to.include({ missing: whyEperm });
    });
  });

  it('goes on by itself when the time to hold it is over', async () => {
    await withProgram(['-O2', '-fomit-frame-pointer'], async (pid) => {
      const { threads } = await held([pid], 50);
      expect(threads[0]).to.include({ tid: pid, errno: 0 });
      await eventually(() => tracerOf(pid) === 0, 'it is let go');
    });
  });
});

const whyEperm =
  'the kernel does not let the broker stop the thread (EPERM: ptrace is not permitted here, or somebody else traces it)';

describe('holdThreads()', () => {
  leakGate();

  it('says ESRCH of a thread that is not there, and holds none where none are named', async () => {
    const { threads, release } = await held([2 ** 22 + 1]);
    release();
    expect(threads[0]?.errno).to.equal(constants.errno.ESRCH);
    expect((await held([])).threads).to.deep.equal([]);
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

describe('a symbol', () => {
  for (const [mangled, readable] of [
    ['_ZN4node2fsL4OpenERKN2v820FunctionCallbackInfoINS1_5ValueEEE', 'node::fs::Open'],
    ['_ZN4node12_GLOBAL__N_1L20PlatformWorkerThreadEPv', 'node::(anonymous)::PlatformWorkerThread'],
    ['_ZN4node13CallbackScopeD1Ev', 'node::CallbackScope::~CallbackScope'],
    ['_Z3fooi', 'foo'],
    ['main', 'main'],
    ['_ZN', '_ZN'],
    ['_ZN2v8I', '_ZN2v8I'],
    ['_ZNSt6vectorIiSaIiEE4pushEv', '_ZNSt6vectorIiSaIiEE4pushEv'],
  ] as const) {
    it(`${mangled} is shown as ${readable}`, () => {
      expect(readableSymbol(mangled)).to.equal(readable);
    });
  }
});
