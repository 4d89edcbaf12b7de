/** Calls that lie on the edges of an expression: where a comparison that is wrong by one bit decides differently. */
import { type Condition, type Expression, isChoice, type Test } from '../../broker/policy/bpf/nodes.js';
import type { Dice } from './dice.js';

/** For each argument the values that are worth a call; never empty. */
export type Edges = readonly (readonly [bigint, ...bigint[]])[];

const SIGNS = [0x8000_0000n, 0x8000_0000_0000_0000n] as const;

export function edgesOf(expression: Expression): Edges {
  const values = Array.from({ length: 6 }, () => new Set<bigint>([0n, (1n << 64n) - 1n]));
  for (const test of testsOf(expression)) {
    for (const value of edgesOfTest(test)) values[test.argument]?.add(BigInt.asUintN(64, value));
  }
  return values.map((set): [bigint, ...bigint[]] => [0n, ...set]);
}

/** Mostly edges of each argument, sometimes one bit away from them, sometimes anything. */
export function argumentsAt(edges: Edges, dice: Dice): readonly bigint[] {
  return edges.map((values) => {
    const chance = dice.below(16);
    if (chance === 0) return dice.long();
    const value = dice.pick(values);
    return chance === 1 ? value ^ (1n << BigInt(dice.below(64))) : value;
  });
}

function* edgesOfTest({ width, mask, values }: Test): Iterable<bigint> {
  yield mask;
  yield ~mask;
  for (const value of values) {
    // What the mask hides: nothing of it, and all of it. The high word of an int is hidden as well.
    for (const seen of [value, value | ~mask]) {
      yield* [seen - 1n, seen, seen + 1n, swapped(seen), ...SIGNS.map((sign) => seen ^ sign)];
    }
    if (width === 32) yield* [value | (1n << 32n), value | (0xffff_ffffn << 32n)];
    yield value ^ (mask & -mask);
  }
}

function swapped(value: bigint): bigint {
  const whole = BigInt.asUintN(64, value);
  return (whole >> 32n) | (whole << 32n);
}

function testsOf(expression: Expression): ReadonlySet<Test> {
  const tests = new Set<Test>();
  const seen = new Set<Expression>();
  const ofCondition = (condition: Condition): void => {
    switch (condition.kind) {
      case 'test':
        tests.add(condition);
        break;
      case 'not':
        ofCondition(condition.condition);
        break;
      case 'all':
      case 'any':
        condition.conditions.forEach(ofCondition);
    }
  };
  const ofExpression = (part: Expression): void => {
    if (!isChoice(part) || seen.has(part)) return;
    seen.add(part);
    ofCondition(part.condition);
    ofExpression(part.then);
    ofExpression(part.otherwise);
  };
  ofExpression(expression);
  return tests;
}
