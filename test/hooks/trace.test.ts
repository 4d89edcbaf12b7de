import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { constants } from 'node:os';
import { expect } from 'chai';
import {
  dangerouslyAllowExecutableMemory,
  describeResult,
  type ErrnoName,
  escapeText,
  type Hooks,
  PolicyBuilder,
  policies,
  type TraceDecision,
  traceAllSyscalls,
} from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, perform } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';
import { until } from '../support/until.js';
import { beginCall, call, launchTraced, recording, requireViolation, TRACED } from './support.js';

const { ENOSYS, EXDEV } = constants.errno;

describe('the hook trace', () => {
  leakGate();

  it('is given the number, the name and all six arguments exactly, and what they are in words', async () => {
    const { hooks, asked } = recording(() => 'allow');
    await using sandboxee = await launchTraced(hooks);
    const args = [0x1111_1111_ffff_ffffn, 0x2222_2222_2222_2222n, -3n, 4n, 0x7fff_ffff_ffff_ffffn, 6n];
    const result = await perform(
      sandboxee,
      ({ attack }, number: number, texts: string[]) => attack.syscall(number, ...texts.map(BigInt)),
      numberOf('personality'),
      args.map(String),
    );
    expect(result, 'the kernel was asked').to.equal(0);
    expect(asked).to.have.length(1);
    const [seen] = asked;
    expect(seen).to.include({ name: 'personality', number: numberOf('personality'), thread: sandboxee.pid });
    expect(seen?.args).to.deep.equal(args.map((value) => BigInt.asUintN(64, value)));
    expect(seen?.text).to.equal('personality(0x11111111ffffffff)');
    expect(seen?.instructionPointer).to.not.equal(0n);
  });

  it('says nothing of what pointers lead to', async () => {
    const { hooks, asked } = recording(() => ({ errno: 'EPERM' }));
    await using sandboxee = await launchTraced(hooks, { policy: policies.node().traceSyscall('chdir').build() });
    await perform(
      sandboxee,
      ({ attack }, number: number) => attack.syscall(number, Buffer.from('/etc/secret\0')),
      numberOf('chdir'),
    );
    expect(asked[0]?.text).to.match(/^chdir\(0x[0-9a-f]+\)$/);
  });

  for (const [says, answer] of [
    ['at once', () => 'allow'],
    ['later', () => Promise.resolve('allow')],
  ] as const satisfies readonly [string, Hooks['trace']][]) {
    it(`lets the call go on by allow, said ${says}, any number of times`, async () => {
      const { hooks, asked } = recording(answer);
      await using sandboxee = await launchTraced(hooks);
      for (let time = 0; time < 20; time += 1) expect(await call(sandboxee, TRACED, 0, 0)).to.equal(20);
      expect(asked).to.have.length(20);
      expect((await sandboxee.close()).denials).to.deep.equal([]);
    });
  }

  it('ends the sandboxee by deny: a violation with the number, and the hook is named', async () => {
    await using sandboxee = await launchTraced({ trace: () => 'deny' });
    await beginCall(sandboxee, TRACED, 0, 0);
    const result = requireViolation(await sandboxee.result);
    expect(result).to.include({ kind: 'syscall' });
    expect(result.syscall).to.include({ name: TRACED, number: numberOf(TRACED) });
    expect(result.syscall.reason).to.include({ by: 'hook', rule: 'by the trace hook: it said deny' });
  });

  it('answers with an errno: the caller sees it, and it is a denial', async () => {
    const { hooks } = recording(({ args }) => ({ errno: args[0] === 0n ? 'ENOSYS' : 'EXDEV' }));
    await using sandboxee = await launchTraced(hooks);
    expect(await call(sandboxee, TRACED, 0, 0)).to.equal(-ENOSYS);
    expect(await call(sandboxee, TRACED, 1, 0)).to.equal(-EXDEV);
    const { denials } = await sandboxee.close();
    expect(denials.map(({ name, errno, reason }) => [name, errno, reason.by])).to.deep.equal([
      [TRACED, 'ENOSYS', 'hook'],
      [TRACED, 'EXDEV', 'hook'],
    ]);
  });

  it('is not asked about what every policy refuses of a traced syscall', async () => {
    const { hooks, asked } = recording(() => 'allow');
    await using sandboxee = await launchTraced(hooks);
    await beginCall(sandboxee, 'personality', 0x0400000);
    const result = requireViolation(await sandboxee.result);
    expect(result.syscall.reason.hint).to.match(/^refused whatever the policy says: READ_IMPLIES_EXEC/);
    expect(asked).to.deep.equal([]);
  });

  it('lets others go on while it thinks, also those that are traced', async () => {
    let release = (_: TraceDecision): void => {};
    const first = new Promise<TraceDecision>((resolve) => {
      release = resolve;
    });
    const { hooks, asked } = recording(({ args }) => (args[0] === 1n ? first : 'allow'));
    await using sandboxee = await launchTraced({ ...hooks, traceTime: 30_000 });
    await perform(sandboxee, ({ attack }, number: number) => attack.storm(number, 1, 0), numberOf(TRACED));
    await until(() => asked.some(({ args }) => args[0] === 1n), 'the first was asked about');
    for (let time = 0; time < 5; time += 1) expect(await call(sandboxee, TRACED, 0, 0)).to.equal(20);
    expect(asked.filter(({ args }) => args[0] === 1n)).to.have.length(1);
    release({ errno: 'EPERM' });
  });

  const nonsense: readonly (readonly [string, Hooks['trace'], RegExp])[] = [
    [
      'throws',
      () => {
        throw new Error('boom\u001b[31m');
      },
      /it threw: boom/,
    ],
    ['rejects', () => Promise.reject(new Error('later')), /it threw: later/],
    ['answers nothing', (() => undefined) as never, /neither allow nor deny/],
    ['answers yes', (() => 'yes') as never, /neither allow nor deny/],
    ['answers true', (() => true) as never, /neither allow nor deny/],
    ['answers an errno that is none', () => ({ errno: 'ENOPE' as ErrnoName }), /neither allow nor deny/],
    ['answers 0 for an errno', () => ({ errno: 0 as never }), /neither allow nor deny/],
    ['answers nothing later', (async () => undefined) as never, /neither allow nor deny/],
  ];
  for (const [says, trace, why] of nonsense) {
    it(`denies where it ${says}`, async () => {
      const failures: unknown[] = [];
      const note = (message: unknown): void => {
        failures.push(message);
      };
      subscribe('sallyport:hook-error', note);
      try {
        await using sandboxee = await launchTraced({ ...(trace ? { trace } : {}) });
        await beginCall(sandboxee, TRACED, 0, 0);
        const result = requireViolation(await sandboxee.result);
        expect(result.syscall.reason.rule).to.match(why);
        const said = describeResult(result);
        expect(escapeText(said.replaceAll('\n', ''), { max: Infinity })).to.equal(said.replaceAll('\n', ''));
        expect(failures.length).to.equal(/threw/.test(why.source) ? 1 : 0);
      } finally {
        unsubscribe('sallyport:hook-error', note);
      }
    });
  }

  it('denies where it never answers, after traceTime', async () => {
    await using sandboxee = await launchTraced({ trace: () => new Promise(() => {}), traceTime: 30 });
    await beginCall(sandboxee, TRACED, 0, 0);
    const result = requireViolation(await sandboxee.result);
    expect(result.syscall.reason.rule).to.equal('by the trace hook: it took longer than 30 ms');
  });

  it('may kill the sandboxee itself, whatever it then says', async () => {
    for (const answer of ['allow', 'deny', { errno: 'EPERM' }] as const) {
      await using sandboxee = await launchTraced({
        trace: () => {
          sandboxee.kill('the hook has seen enough');
          return answer;
        },
      });
      await beginCall(sandboxee, TRACED, 0, 0);
      expect(await sandboxee.result).to.include({ status: 'killed', reason: 'the hook has seen enough' });
    }
  });

  it('with traceAllSyscalls is asked from the moment the filter is there, and a program that is allowed all works', async () => {
    const policy = new PolicyBuilder()
      .allowMprotect(dangerouslyAllowExecutableMemory)
      .defaultAction(traceAllSyscalls)
      .build();
    const { hooks, asked } = recording(() => 'allow');
    await using sandboxee = await launchTraced(hooks, { policy });
    expect(await perform(sandboxee, () => 6 * 7)).to.equal(42);
    expect(new Set(asked.map(({ name }) => name)).size).to.be.greaterThan(2);
    await begin(sandboxee, ({ attack }, number: number) => attack.syscall(number), numberOf('ptrace'));
    expect(requireViolation(await sandboxee.result).syscall.name).to.equal('ptrace');
    expect(asked.map(({ name }) => name)).to.not.include('ptrace');
  });
});
