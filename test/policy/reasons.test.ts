import { expect } from 'chai';
import fc from 'fast-check';
import * as linux from '../../broker/policy/abi.js';
import * as rule from '../../broker/policy/bpf/dsl.js';
import { verdict } from '../../broker/policy/bpf/simulator.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { Policy } from '../../broker/policy/policy.js';
import { policies } from '../../broker/policy/presets.js';
import { foreignReason, type Reason } from '../../broker/policy/reasons.js';
import { inForce } from '../../broker/policy/refused.js';
import { type SyscallName, syscallTable } from '../../broker/policy/syscalls/index.js';
import { dangerouslyAllowExecutableMemory } from '../../broker/policy/tokens.js';
import { longs } from './arbitraries.js';
import { ask, X64 } from './filters.js';

const table = syscallTable(X64);
const numberOf = (name: SyscallName): number => table.number(name) ?? -1;
const node = (): PolicyBuilder => policies.node({ arch: X64 });
const empty = (): PolicyBuilder => new PolicyBuilder({ name: 'test', arch: X64 });

function reasonOf(builder: PolicyBuilder | Policy, name: SyscallName, ...args: (number | bigint)[]): Reason {
  const policy = builder instanceof Policy ? builder : builder.build();
  return policy.reason(numberOf(name), args.map(BigInt));
}

/** The builder with what the hint says. */
function following(builder: PolicyBuilder, { hint }: Reason): PolicyBuilder | undefined {
  const [, words] = /^(\.allow.*?\)|\.addPolicy.*Memory\)) would allow it/.exec(hint) ?? [];
  if (words === undefined) return undefined;
  const follow = new Function('builder', 'rule', 'linux', 'dangerouslyAllowExecutableMemory', `return builder${words}`);
  return follow(builder, rule, linux, dangerouslyAllowExecutableMemory) as PolicyBuilder;
}

describe('the reason of a refusal', () => {
  it('names the line of the preset, the rule of the author, the refusal, or that nothing allows it', () => {
    const policy = node().addPolicyOnSyscall('umask', rule.violation()).build();
    expect(reasonOf(policy, 'openat')).to.include({ by: 'preset', rule: 'by policies.node(): no path is resolved' });
    expect(reasonOf(policy, 'umask')).to.include({ by: 'rule', rule: "by addPolicyOnSyscall('umask')" });
    expect(reasonOf(policy, 'ptrace')).to.include({ by: 'refusal' });
    expect(reasonOf(policy, 'socket', 2, 1)).to.include({
      by: 'default',
      rule: 'by the default action: no rule mentions it',
    });
    expect(reasonOf(policy, 'fcntl', 0, 1032)).to.include({
      by: 'default',
      rule: 'by the default action: no rule decides it',
    });
  });

  it('of a document has the place in it', () => {
    const policy = Policy.parse({
      arch: 'x64',
      rules: ['allowRead', { call: 'addPolicyOnSyscall', syscall: 'umask', rule: { deny: 'EPERM' } }],
    });
    expect(reasonOf(policy, 'umask').rule).to.equal("by addPolicyOnSyscall('umask') at /rules/1");
  });

  it('of a call above the names that are known says so', () => {
    const unnamed = Array.from({ length: table.highest }, (_, number) => number).find(
      (number) => table.name(number) === undefined,
    );
    expect(
      node()
        .build()
        .reason(unnamed ?? -1, []).hint,
    ).to.include('has no name');
  });

  it('goes by the number that comms has inside', () => {
    const policy = node().build();
    expect(policy.reason(numberOf('close'), [3n]).hint).to.match(/^refused whatever .* the number of the comms fd$/);
    expect(policy.reason(numberOf('close'), [17n], 17).hint).to.match(
      /^refused whatever .* the number of the comms fd$/,
    );
    expect(policy.reason(numberOf('sendmsg'), [3n, 0n, 0n], 17).by).to.equal('default');
  });

  it('of another architecture is a sentence', () => {
    expect(foreignReason('i386')).to.include({ by: 'architecture' });
    expect(foreignReason('i386').hint).to.match(/^refused whatever the policy says: .*i386/);
  });
});

describe('the hint of a refusal', () => {
  const hints: readonly (readonly [SyscallName, readonly number[], string])[] = [
    ['socket', [2, 1], ".allowSyscall('socket') would allow it, but beware: socket speaks to the network"],
    ['openat', [], ".allowSyscall('openat') would allow it"],
    ['ioctl', [0, 0x5401], '.allowTCGETS() would allow it'],
    ['clone', [0x3d0f00], '.allowThreads() would allow it'],
    ['madvise', [0, 0, 22], '.allowMadvisePopulate() would allow it'],
    ['futex', [0, 3], '.allowFutexOp(linux.FUTEX.FUTEX_REQUEUE) would allow it'],
    ['mprotect', [0, 4096, 7], '.allowMprotect(dangerouslyAllowExecutableMemory) would allow it'],
    ['ptrace', [], 'refused whatever the policy says: makes the syscalls of another process'],
    ['socket', [40, 1], 'refused whatever the policy says: AF_VSOCK reaches the hypervisor'],
    ['fcntl', [0, 8], 'refused whatever the policy says: has the kernel signal other processes'],
  ];
  for (const [name, args, says] of hints) {
    it(`for ${name}(${args.join(', ')}) begins: ${says}`, () => {
      expect(reasonOf(empty(), name, ...args).hint.slice(0, says.length)).to.equal(says);
    });
  }

  it('names the rule that refuses where it is the author’s own, since no word comes before it', () => {
    const builder = empty()
      .addPolicyOnSyscall('umask', rule.deny(1))
      .addPolicyOnSyscall('write', rule.when(rule.arg(0).eq(7), rule.violation()).otherwise(rule.pass()));
    expect(reasonOf(builder, 'umask').hint).to.equal("addPolicyOnSyscall('umask') refuses it: change that rule");
    expect(reasonOf(builder, 'write', 7).hint).to.include('change that rule');
    expect(reasonOf(builder, 'write', 8).hint).to.equal(".allowSyscall('write') would allow it");
  });

  it('goes past what a word only answers in passing', () => {
    const builder = empty().allowStaticStartup();
    expect(reasonOf(builder, 'readlink').hint).to.equal(".allowSyscall('readlink') would allow it");
  });

  it('of an intersection is for each policy that refuses', () => {
    const both = node().named('app').build().intersect(empty().named('operator').allowSyscall('umask').build());
    expect(reasonOf(both, 'umask').hint).to.equal("policy 'app': .allowSyscall('umask') would allow it");
    expect(reasonOf(both, 'getpriority').hint).to.equal(
      "policy 'app': .allowSyscall('getpriority') would allow it; policy 'operator': .allowSyscall('getpriority') would allow it",
    );
  });

  it('makes the call pass where it is followed, for every syscall that is not always refused', () => {
    const builders = [
      empty(),
      node(),
      policies.nodeJitless({ arch: X64 }),
      node().allowStaticStartup().onPathDenial('kill'),
      empty().allowRead().defaultAction(rule.deny(1)),
      empty().allowTcMalloc().allowSharedMemory().blockSyscallWithErrno('uname', 'EPERM'),
    ].map((builder) => ({ builder, policy: builder.build() }));
    const calls = fc.record({
      start: fc.constantFrom(...builders),
      name: fc.constantFrom(...table.names()),
      args: fc.array(fc.oneof(longs, fc.bigInt(0n, 0x3fn), fc.bigInt(0n, 0xffff_ffffn)), {
        minLength: 6,
        maxLength: 6,
      }),
    });
    let followed = 0;
    fc.assert(
      fc.property(calls, ({ start: { builder, policy }, name, args }) => {
        if (ask(policy.compile().program, name, args).kind !== 'notify') return;
        const reason = reasonOf(policy, name, ...args);
        const refused = inForce('gate', name).some(
          ({ when }) => when === undefined || conditionHolds(policy, name, args),
        );
        const better = following(builder, reason);
        if (better === undefined) {
          expect(reason.hint, name).to.match(/^refused whatever|no word allows it together/);
          if (reason.hint.startsWith('refused')) expect(refused, name).to.equal(true);
          return;
        }
        followed += 1;
        expect(ask(better.build().compile().program, name, args), `${name}: ${reason.hint}`).to.deep.equal({
          kind: 'allow',
        });
      }),
      { numRuns: 4000 },
    );
    expect(followed).to.be.greaterThan(500);
  }).timeout(60_000);
});

/** Whether a policy that allows the syscall with all that it may reach still refuses the call. */
function conditionHolds({ arch }: Policy, name: SyscallName, args: readonly bigint[]): boolean {
  const widest = new PolicyBuilder({ arch }).addPolicyOnSyscall(name, rule.allow(), dangerouslyAllowExecutableMemory);
  const data = { number: numberOf(name), architecture: arch, args };
  return verdict(widest.build().compile().program, data).kind !== 'allow';
}
