/** Random conditions, rules and policies, over values that lie close together. */
import fc from 'fast-check';
import {
  all,
  allow,
  any,
  arg,
  arg64,
  deny,
  errno,
  killProcess,
  not,
  pass,
  trace,
  violation,
  when,
} from '../../broker/policy/bpf/dsl.js';
import type { Action, Condition, Expression, Pass, Rule } from '../../broker/policy/bpf/nodes.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { PolicyError } from '../../broker/policy/errors.js';
import type { Policy } from '../../broker/policy/policy.js';
import { presetOf } from '../../broker/policy/preset-list.js';
import type { SyscallName } from '../../broker/policy/syscalls/index.js';
import {
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  dangerouslyPermitAllAndLog,
  traceAllSyscalls,
} from '../../broker/policy/tokens.js';
import { X64 } from './filters.js';

/** Values that lie close together, so that comparisons hold often enough. */
const WORDS = [0n, 1n, 2n, 3n, 4n, 7n, 8n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_fffen, 0xffff_ffffn];
const words = fc.constantFrom(...WORDS);
export const longs = fc.tuple(words, words).map(([high, low]) => (high << 32n) | low);
export const argumentLists = fc.array(longs, { minLength: 6, maxLength: 6 });

const tests: fc.Arbitrary<Condition> = fc
  .record({
    argument: fc.constantFrom(0, 0, 0, 1, 5),
    wide: fc.boolean(),
    mask: fc.option(longs, { nil: undefined }),
    values: fc.array(longs, { minLength: 1, maxLength: 4 }),
  })
  .map(({ argument, wide, mask, values }) => {
    const width = wide ? 64 : 32;
    const whole = wide ? arg64(argument) : arg(argument);
    const bits = BigInt.asUintN(width, mask ?? -1n) || 1n;
    return whole.masked(bits).in(...values.map((value) => value & bits));
  });

const { conditions: anyConditions } = fc.letrec<{ conditions: Condition }>((tie) => ({
  conditions: fc.oneof(
    { maxDepth: 4 },
    tests,
    fc.array(tie('conditions'), { maxLength: 3 }).map((list) => all(...list)),
    fc.array(tie('conditions'), { maxLength: 3 }).map((list) => any(...list)),
    tie('conditions').map((condition) => not(condition)),
  ),
}));

const actions: fc.Arbitrary<Action> = fc.constantFrom<Action>(
  allow(),
  errno(1),
  errno(4095),
  violation(),
  deny(2),
  trace(),
  // As the default action `dangerouslyPermitAllAndLog` has it; no word of a rule does.
  { kind: 'notify', answer: { kind: 'permit' } },
  killProcess(),
);

const { expressions: anyExpressions } = fc.letrec<{ expressions: Expression }>((tie) => ({
  expressions: fc.oneof(
    { maxDepth: 4 },
    actions,
    fc
      .tuple(anyConditions, tie('expressions'), tie('expressions'))
      .map(([condition, then, otherwise]): Expression => when<Action>(condition, then).otherwise(otherwise)),
  ),
}));

export const conditions: fc.Arbitrary<Condition> = anyConditions;
export const expressions: fc.Arbitrary<Expression> = anyExpressions;

/** One refusal of the monitor, so that any of them go together. */
const leavesOfRules: fc.Arbitrary<Action | Pass> = fc.constantFrom<Action | Pass>(
  allow(),
  errno(1),
  errno(2),
  trace(),
  violation(),
  killProcess(),
  pass(),
  pass(),
);

export const rules: fc.Arbitrary<Rule> = fc.oneof(
  leavesOfRules,
  fc
    .tuple(anyConditions, leavesOfRules, anyConditions, leavesOfRules, leavesOfRules)
    .map(([first, yes, second, also, no]) => when(first, yes).when(second, also).otherwise(no)),
);

/** Of each kind: by path, by fd, with refusals on some arguments, refused altogether, of executable memory. */
export const SOME_SYSCALLS: readonly SyscallName[] = [
  'read',
  'write',
  'openat',
  'mmap',
  'mprotect',
  'fcntl',
  'clone',
  'clone3',
  'close',
  'ptrace',
  'uname',
  'shmat',
];

const syscalls = fc.constantFrom(...SOME_SYSCALLS);

type Change = (builder: PolicyBuilder) => PolicyBuilder;

const changes: fc.Arbitrary<Change> = fc.oneof(
  syscalls.map(
    (name): Change =>
      (builder) =>
        name === 'ptrace' || name === 'clone3' ? builder : builder.allowSyscall(name),
  ),
  syscalls.map(
    (name): Change =>
      (builder) =>
        builder.blockSyscallWithErrno(name, 'EPERM'),
  ),
  syscalls.map(
    (name): Change =>
      (builder) =>
        name === 'ptrace' || name === 'clone3' ? builder : builder.traceSyscall(name),
  ),
  fc.tuple(syscalls, rules).map(
    ([name, rule]): Change =>
      (builder) =>
        builder.addPolicyOnSyscall(name, rule),
  ),
  rules.map(
    (rule): Change =>
      (builder) =>
        builder.addPolicyOnMmap(rule, dangerouslyAllowExecutableMemory),
  ),
  fc.constantFrom<Change>(
    (builder) => builder.allowRead(),
    (builder) => builder.allowSystemMalloc(),
    (builder) => builder.allowStaticStartup(),
    (builder) => builder.allowDynamicStartup(dangerouslyAllowExecutableMemory),
    (builder) => builder.denyPathSyscalls('openat'),
    (builder) => builder.defaultAction(dangerouslyAllowAllSyscalls),
    (builder) => builder.defaultAction(dangerouslyPermitAllAndLog),
    (builder) => builder.defaultAction(traceAllSyscalls),
    (builder) => builder.defaultAction(errno(1)),
    (builder) => builder.onPathDenial('kill', ['/etc/*', '/proc/self/stat']),
    (builder) => builder.onPathDenial('kill', ['/etc/localtime', '/proc/*']),
    (builder) => builder.named('random'),
  ),
);

const starts = fc.constantFrom(
  new PolicyBuilder({ arch: X64 }),
  new PolicyBuilder({ arch: X64 }),
  new PolicyBuilder({ arch: X64, preset: presetOf('node') }),
  new PolicyBuilder({ arch: X64, preset: presetOf('nodeJitless') }),
);

/** Those that build: contradictions are another test's. */
export const randomPolicies: fc.Arbitrary<Policy> = fc
  .tuple(starts, fc.array(changes, { maxLength: 6 }))
  .map(([start, list]) => built(list.reduce((builder, change) => change(builder), start)))
  .filter((policy) => policy !== undefined);

function built(builder: PolicyBuilder): Policy | undefined {
  try {
    return builder.build();
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}
