import { expect } from 'chai';
import fc from 'fast-check';
import { ANSWER_BY_FILTER } from '../../broker/policy/answers.js';
import { allow, allowWhen, arg, deny, errno, violation, when } from '../../broker/policy/bpf/dsl.js';
import type { Verdict } from '../../broker/policy/bpf/simulator.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { PolicyError } from '../../broker/policy/errors.js';
import { covers } from '../../broker/policy/path-settings.js';
import type { Policy } from '../../broker/policy/policy.js';
import { policies } from '../../broker/policy/presets.js';
import { AUDIT_ARCH_AARCH64, syscallTable } from '../../broker/policy/syscalls/index.js';
import { dangerouslyAllowAllSyscalls } from '../../broker/policy/tokens.js';
import { argumentLists, randomPolicies, SOME_SYSCALLS } from './arbitraries.js';
import { ALLOW, ask, errnoVerdict, NOTIFY, X64 } from './filters.js';

const empty = (): PolicyBuilder => new PolicyBuilder({ arch: X64 });
const everything = empty().defaultAction(dangerouslyAllowAllSyscalls).build();

const calls = fc.array(fc.tuple(fc.constantFrom(...SOME_SYSCALLS), argumentLists), { minLength: 30, maxLength: 30 });

const say = (policy: Policy, [name, args]: readonly [(typeof SOME_SYSCALLS)[number], readonly bigint[]]): Verdict =>
  ask(policy.compile().program, name, args);

/** What becomes of calls that are notified, and neither traced nor permitted. */
function refusal(policy: Policy, number: number): number | 'violation' {
  const answer = policy.compile().answers[number] ?? -1;
  const refused = answer & ~ANSWER_BY_FILTER;
  return answer === -1 || refused === 0 ? 'violation' : refused;
}

describe('intersect()', () => {
  it('never widens: allowed is what both allow, over random policies and calls', () => {
    fc.assert(
      fc.property(randomPolicies, randomPolicies, calls, (a, b, list) => {
        const both = a.intersect(b);
        for (const call of list) {
          const allowed = say(a, call).kind === 'allow' && say(b, call).kind === 'allow';
          expect(say(both, call).kind === 'allow', call.join(' ')).to.equal(allowed);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('answers as one of them does, and reports whatever either ends the sandboxee for', () => {
    fc.assert(
      fc.property(randomPolicies, randomPolicies, calls, (a, b, list) => {
        const both = a.intersect(b);
        for (const call of list) {
          const verdicts = [say(a, call), say(b, call)];
          const seen = say(both, call);
          expect(verdicts).to.deep.include(seen);
          const number = syscallTable(X64).number(call[0]) ?? -1;
          const ended = [a, b].some((each, index) => {
            return verdicts[index]?.kind === 'notify' && refusal(each, number) === 'violation';
          });
          if (ended && seen.kind === 'notify') expect(refusal(both, number)).to.equal('violation');
        }
      }),
      { numRuns: 40 },
    );
  });

  it('is the same from both sides in what it allows, and with itself changes nothing', () => {
    fc.assert(
      fc.property(randomPolicies, randomPolicies, calls, (a, b, list) => {
        const [ab, ba, aa] = [a.intersect(b), b.intersect(a), a.intersect(a)];
        for (const call of list) {
          expect(say(ab, call).kind === 'allow').to.equal(say(ba, call).kind === 'allow');
          expect(say(aa, call)).to.deep.equal(say(a, call));
        }
        // A rule that no call reaches may be gone from what is the same otherwise.
        for (const number of a.compile().answers.keys()) expect(refusal(aa, number)).to.equal(refusal(a, number));
      }),
      { numRuns: 40 },
    );
  });

  it('takes nothing that is absent in one from the other', () => {
    const bare = empty().build();
    const node = policies.node({ arch: X64 }).build();
    for (const both of [
      bare.intersect(node),
      node.intersect(bare),
      bare.intersect(everything),
      everything.intersect(bare),
    ]) {
      expect(both.toString()).to.not.include('allow');
    }
    const narrowed = everything.intersect(node);
    for (const name of syscallTable(X64).names()) {
      expect(narrowed.decision(name).kind === 'allow', name).to.equal(node.decision(name).kind === 'allow');
    }
  });

  it('takes the stricter answer: the end, a violation, a denial, an errno', () => {
    const answers = (first: Parameters<PolicyBuilder['addPolicyOnSyscall']>[1], second: typeof first): string =>
      empty()
        .addPolicyOnSyscall('uname', first)
        .build()
        .intersect(empty().addPolicyOnSyscall('uname', second).build())
        .toString()
        .split('\n')
        .filter((line) => line.includes('uname'))
        .join();
    expect(answers(allow(), errno(1))).to.include('errno EPERM');
    expect(answers(errno(1), errno(2))).to.include('errno EPERM');
    expect(answers(errno(1), deny(2))).to.include('denial ENOENT');
    expect(answers(deny(2), violation())).to.equal('');
  });

  it('has one answer of the monitor for a syscall, the strictest of them', () => {
    const some = empty()
      .addPolicyOnSyscall('openat', when(arg(2).eq(0), allow()).otherwise(violation()))
      .build();
    const denying = empty().denyPathSyscalls('openat').build();
    const both = some.intersect(denying).compile();
    expect(both.answers[257]).to.equal(-1);
    expect(ask(both.program, 'openat', [0, 0, 0])).to.deep.equal(NOTIFY);
  });

  it('keeps errnos that arguments bring about', () => {
    const first = empty()
      .addPolicyOnSyscall('fcntl', when(arg(1).eq(1), errno(11)).otherwise(allow()))
      .build();
    const second = empty()
      .addPolicyOnSyscall('fcntl', allowWhen(arg(1).in(1, 2)))
      .build();
    const { program } = first.intersect(second).compile();
    expect([1, 2, 3].map((command) => ask(program, 'fcntl', [0, command]))).to.deep.equal([
      errnoVerdict(11),
      ALLOW,
      NOTIFY,
    ]);
  });

  it('ends the sandboxee for a denied path where either does, and spares what all that do spare', () => {
    const kill = (...harmless: string[]): Policy => empty().onPathDenial('kill', harmless).build();
    const report = empty().onPathDenial('report', ['/home/*']).build();
    const settings = (policy: Policy) => {
      const { pathDenialIsViolation, harmlessPaths } = policy.compile();
      return { pathDenialIsViolation, harmlessPaths };
    };
    expect(settings(kill('/etc/*', '/x').intersect(report))).to.deep.equal({
      pathDenialIsViolation: true,
      harmlessPaths: ['/etc/*', '/x'],
    });
    expect(settings(kill('/etc/*', '/x').intersect(kill('/etc/localtime', '/x*', '/y')))).to.deep.equal({
      pathDenialIsViolation: true,
      harmlessPaths: ['/etc/localtime', '/x'],
    });
    const patterns = fc.constantFrom('/', '/*', '/a', '/a*', '/ab', '/ab*', '/abc', '/b/*', '/b/c');
    const paths = ['/', '/a', '/ab', '/abc', '/abcd', '/b', '/b/', '/b/c', '/c'];
    const isHarmless = (list: readonly string[], path: string): boolean => list.some((each) => covers(each, path));
    fc.assert(
      fc.property(fc.array(patterns, { maxLength: 4 }), fc.array(patterns, { maxLength: 4 }), (a, b) => {
        const { harmlessPaths } = settings(kill(...a).intersect(kill(...b)));
        for (const path of paths) {
          expect(isHarmless(harmlessPaths, path)).to.equal(isHarmless(a, path) && isHarmless(b, path));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is refused for policies of different architectures', () => {
    const arm = new PolicyBuilder({ arch: AUDIT_ARCH_AARCH64, name: 'arm' }).build();
    expect(() => everything.intersect(arm)).to.throw(PolicyError, "'custom' is for x86_64, 'arm' for aarch64");
  });
});
