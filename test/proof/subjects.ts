/** Random filters and policies, with the calls that are worth comparing them on. */
import fc from 'fast-check';
import { compile, type Filter, NO_SUCH_SYSCALL } from '../../broker/policy/bpf/compiler.js';
import { allow, arg, errno, killProcess, violation, when } from '../../broker/policy/bpf/dsl.js';
import type { Action, Expression } from '../../broker/policy/bpf/nodes.js';
import type { Policy } from '../../broker/policy/policy.js';
import { syscallTable } from '../../broker/policy/syscalls/index.js';
import { expressions, randomPolicies, SOME_SYSCALLS } from '../policy/arbitraries.js';
import { X64 } from '../policy/filters.js';
import type { Dice } from './dice.js';
import { argumentsAt, type Edges, edgesOf } from './edges.js';

/** A filter as it was meant, and the program that was made of it. */
export interface Subject {
  readonly filter: Filter;
  readonly program: Uint8Array;
  /** The numbers that have rules worth asking about. */
  readonly numbers: readonly number[];
}

const leaves = fc.constantFrom<Action>(allow(), errno(5), violation(), killProcess());

/** Comparisons by the hundred: of a jump that has to go farther than 255 instructions, and of one that just has not. */
const longExpressions: fc.Arbitrary<Expression> = fc
  .tuple(fc.integer({ min: 1, max: 260 }), fc.integer({ min: 1, max: 260 }), expressions, expressions)
  .map(([first, second, then, otherwise]) =>
    when<Action>(arg(1).in(...consecutive(first)), errno(7))
      .when(arg(0).in(...consecutive(second)), then)
      .otherwise(otherwise),
  );

function consecutive(length: number): readonly number[] {
  return Array.from({ length }, (_, index) => 0x6000 + index);
}

const ruleExpressions = fc.oneof({ weight: 30, arbitrary: expressions }, { weight: 1, arbitrary: longExpressions });

/** A few numbers, close together and far apart, with any expressions, and any answer to the rest. */
const filters: fc.Arbitrary<Filter> = fc
  .record({
    rules: fc.array(fc.tuple(fc.oneof(fc.nat(8), fc.nat(480)), ruleExpressions), { minLength: 1, maxLength: 8 }),
    room: fc.nat(20),
    unlisted: leaves,
    unknown: leaves,
    foreign: leaves,
  })
  .map(({ rules, room, unlisted, unknown, foreign }) => ({
    architecture: X64,
    highest: Math.max(...rules.map(([number]) => number)) + room,
    rules: new Map<number, Expression>(rules),
    unlisted,
    unknown,
    foreign,
  }));

/** A rule for each of many numbers, all with the same two ends: both lie about as far as a jump goes. */
const wideFilters: fc.Arbitrary<Filter> = fc
  .record({ count: fc.integer({ min: 60, max: 300 }), met: leaves, unmet: leaves, unlisted: leaves, unknown: leaves })
  .map(({ count, met, unmet, unlisted, unknown }) => {
    const rule = (value: number): Expression => when<Action>(arg(0).eq(value), met).otherwise(unmet);
    const numbers = Array.from({ length: count }, (_, number) => number);
    const rules = new Map(numbers.map((number) => [number, rule(number)]));
    return { architecture: X64, highest: count, rules, unlisted, unknown, foreign: killProcess() };
  });

const subjectsOfFilters = fc
  .oneof({ weight: 15, arbitrary: filters }, { weight: 1, arbitrary: wideFilters })
  .map((filter): Subject => ({ filter, program: compile(filter), numbers: [...filter.rules.keys()] }));

export const subjects: fc.Arbitrary<Subject> = fc.oneof(
  { weight: 15, arbitrary: subjectsOfFilters },
  { weight: 1, arbitrary: randomPolicies.map(ofPolicy) },
);

function ofPolicy(policy: Policy): Subject {
  const table = syscallTable(policy.arch);
  const numbered = [...table.names()].map((name) => [table.number(name) ?? -1, policy.decision(name)] as const);
  const filter: Filter = {
    architecture: policy.arch,
    highest: table.highest,
    rules: new Map(numbered),
    unlisted: violation(),
    unknown: NO_SUCH_SYSCALL,
    foreign: violation(),
  };
  const numbers = SOME_SYSCALLS.map((name) => table.number(name) ?? -1);
  return { filter, program: policy.compile().program, numbers };
}

/** Numbers at which the tables end, and whose high bits say something else. */
const ODD_NUMBERS = [-1, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff, -0x8000_0000, -0x4000_0000] as const;

/** Makes calls, mostly ones that a rule has to look at. */
export class Caller {
  readonly #edges = new Map<number, Edges>();
  readonly #filter: Filter;
  readonly #numbers: readonly [number, ...number[]];
  readonly #dice: Dice;

  constructor({ filter, numbers }: Subject, dice: Dice) {
    this.#filter = filter;
    this.#numbers = [0, ...numbers];
    this.#dice = dice;
  }

  next(): { readonly number: number; readonly args: readonly bigint[] } {
    const number = this.#number();
    return { number, args: argumentsAt(this.#edgesOf(number), this.#dice) };
  }

  #number(): number {
    const chance = this.#dice.below(32);
    if (chance === 0) return this.#dice.pick(ODD_NUMBERS);
    if (chance === 1) return this.#filter.highest + this.#dice.below(3);
    const number = this.#dice.pick(this.#numbers);
    if (chance === 2) return number + this.#dice.pick([-1, 1, 0x4000_0000]);
    return number;
  }

  #edgesOf(number: number): Edges {
    const known = this.#edges.get(number);
    if (known !== undefined) return known;
    const edges = edgesOf(this.#filter.rules.get(number) ?? this.#filter.unlisted);
    this.#edges.set(number, edges);
    return edges;
  }
}
