import { constants } from 'node:os';
import { expect } from 'chai';
import { ProcessView } from '../../broker/process/process-view.js';
import { collectStacks } from '../../broker/stacks/collect.js';
import { readableSymbol } from '../../broker/stacks/symbol-names.js';
import { DEPTH, held, withProgram } from '../addon/program.js';
import { leakGate } from '../support/leak-gate.js';
import { framesOf, namesOf } from './support.js';

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
});

const whyEperm =
  'the kernel does not let the broker stop the thread (EPERM: ptrace is not permitted here, or somebody else traces it)';

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
