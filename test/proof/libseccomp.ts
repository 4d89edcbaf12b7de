/** Rules that libseccomp and the DSL can both say, in the words of each. */
import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import type { Filter } from '../../broker/policy/bpf/compiler.js';
import { all, allow, any, arg64, errno, killProcess, not, when } from '../../broker/policy/bpf/dsl.js';
import type { Action, Condition, Expression } from '../../broker/policy/bpf/nodes.js';
import { longs } from '../policy/arbitraries.js';
import { X64 } from '../policy/filters.js';
import { attackProgram } from '../support/build.js';

/** `enum scmp_compare`. */
const OPERATIONS = { ne: 1, lt: 2, le: 3, eq: 4, ge: 5, gt: 6, masked: 7 } as const;

interface Comparison {
  readonly argument: number;
  readonly operation: keyof typeof OPERATIONS;
  /** Of `masked` alone. */
  readonly mask: bigint;
  readonly value: bigint;
}

/** The syscall gets the action where all comparisons of any of the alternatives hold. */
interface SyscallRules {
  readonly number: number;
  readonly action: Action;
  readonly alternatives: readonly (readonly Comparison[])[];
}

export interface RuleSet {
  readonly fallback: Action;
  /** SCMP_FLTATR_CTL_OPTIMIZE: 1 sorts by priority, 2 makes a binary tree. */
  readonly optimization: 1 | 2;
  readonly syscalls: readonly SyscallRules[];
}

const HIGHEST = 334;
const values = fc.oneof(longs, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));

const comparisons: fc.Arbitrary<Comparison> = fc
  .record({
    argument: fc.nat(5),
    operation: fc.constantFrom(...(Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[])),
    mask: values.map((mask) => mask || 1n),
    value: values,
  })
  .map((comparison) => ({
    ...comparison,
    value: comparison.operation === 'masked' ? comparison.value & comparison.mask : comparison.value,
  }));

/** libseccomp takes each argument once in a conjunction. */
function conjunctionsOf(parts: fc.Arbitrary<Comparison>): fc.Arbitrary<readonly Comparison[]> {
  return fc.uniqueArray(parts, { selector: ({ argument }) => argument, maxLength: 4 });
}

const equalities = comparisons.filter(({ operation }) => operation === 'eq' || operation === 'masked');

/**
 * Not several alternatives with `ne` or an order: libseccomp 2.5.4 joins their tests wrongly. Of `a <= 0x80000000` or
 * `a > 0x800000002` it allows 0x80000001, and it goes from one alternative to the next with another word in the
 * accumulator than the next one compares.
 */
const alternatives = fc.oneof(
  conjunctionsOf(comparisons).map((conjunction) => [conjunction]),
  fc.array(conjunctionsOf(equalities), { minLength: 1, maxLength: 4 }),
);

// libseccomp takes errnos below 4095.
const syscalls: fc.Arbitrary<SyscallRules> = fc.record({
  number: fc.nat(HIGHEST),
  action: fc.constantFrom<Action>(allow(), errno(1), errno(4094)),
  alternatives,
});

export const ruleSets: fc.Arbitrary<RuleSet> = fc.record({
  fallback: fc.constantFrom<Action>(killProcess(), errno(13)),
  optimization: fc.constantFrom<1 | 2>(1, 2),
  syscalls: fc.uniqueArray(syscalls, { selector: ({ number }) => number, minLength: 1, maxLength: 12 }),
});

/** What our compiler is given. x32 and foreign calls end the process, as libseccomp is told to have it. */
export function filterOfRules({ fallback, syscalls: list }: RuleSet): Filter {
  return {
    architecture: X64,
    highest: HIGHEST,
    rules: new Map(list.map((rules) => [rules.number, expressionOf(rules, fallback)])),
    unlisted: fallback,
    unknown: fallback,
    foreign: killProcess(),
  };
}

function expressionOf({ action, alternatives }: SyscallRules, fallback: Action): Expression {
  const conditions = alternatives.map((comparisons) => all(...comparisons.map(conditionOf)));
  return when<Action>(any(...conditions), action).otherwise(fallback);
}

function conditionOf({ argument, operation, mask, value }: Comparison): Condition {
  const whole = arg64(argument);
  switch (operation) {
    case 'masked':
      return whole.masked(mask).eq(value);
    case 'eq':
      return whole.eq(value);
    case 'ne':
      return whole.ne(value);
    case 'lt':
      return below(argument, value);
    case 'ge':
      return not(below(argument, value));
    case 'le':
      return any(below(argument, value), whole.eq(value));
    case 'gt':
      return not(any(below(argument, value), whole.eq(value)));
  }
}

/** The DSL has no `<`: smaller is what agrees with the value above some bit, and has 0 there where the value has 1. */
function below(argument: number, value: bigint): Condition {
  const bits = Array.from({ length: 64 }, (_, weight) => BigInt(weight)).filter((weight) => (value >> weight) & 1n);
  return any(
    ...bits.map((weight) => {
      const above = BigInt.asUintN(64, -1n << weight);
      return arg64(argument)
        .masked(above)
        .eq((value & above) ^ (1n << weight));
    }),
  );
}

/** What keeps libseccomp away; `undefined` where it is there. */
export function libseccompMissing(): string | undefined {
  if (process.arch !== 'x64') return 'its rules are written with the numbers of x64';
  const { status } = spawnSync('cc', ['-E', '-include', 'seccomp.h', '-xc', '/dev/null'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'libseccomp is not here (Debian: apt-get install libseccomp-dev)';
}

/** libseccomp's programs. */
export function exportPrograms(sets: readonly RuleSet[]): readonly Uint8Array[] {
  const output = execFileSync(attackProgram('export-libseccomp', ['-Wl,--no-as-needed', '-lseccomp']), {
    input: sets.map(textOf).join(''),
    maxBuffer: 1 << 26,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const programs: Uint8Array[] = [];
  for (let at = 0; at < output.length; ) {
    const bytes = output.readUInt32LE(at);
    programs.push(output.subarray(at + 4, at + 4 + bytes));
    at += 4 + bytes;
  }
  return programs;
}

function textOf({ fallback, optimization, syscalls: list }: RuleSet): string {
  const rules = list.flatMap(({ number, action, alternatives }) =>
    alternatives.map((comparisons) => {
      const said = comparisons.map(({ argument, operation, mask, value }) => {
        const [a, b] = operation === 'masked' ? [mask, value] : [value, 0n];
        return `${argument} ${OPERATIONS[operation]} ${a} ${b}`;
      });
      return ['rule', actionValue(action), number, ...said].join(' ');
    }),
  );
  return `${[`filter ${actionValue(fallback)} ${optimization}`, ...rules, 'end'].join('\n')}\n`;
}

/** SCMP_ACT_*. */
function actionValue(action: Action): number {
  switch (action.kind) {
    case 'allow':
      return 0x7fff0000;
    case 'errno':
      return 0x00050000 | action.errno;
    case 'kill-process':
      return 0x80000000;
    case 'notify':
      return 0x7fc00000;
  }
}
