/** What an expression means, written from the words of dsl.ts alone: no blocks, no words, no jumps. */
import type { Action, Condition, Expression } from '../../broker/policy/bpf/nodes.js';

export type Arguments = readonly bigint[];

export function evaluate(expression: Expression, args: Arguments): Action {
  if (expression.kind !== 'choice') return expression;
  return evaluate(holds(expression.condition, args) ? expression.then : expression.otherwise, args);
}

export function holds(condition: Condition, args: Arguments): boolean {
  switch (condition.kind) {
    case 'all':
      return condition.conditions.every((each) => holds(each, args));
    case 'any':
      return condition.conditions.some((each) => holds(each, args));
    case 'not':
      return !holds(condition.condition, args);
    case 'test': {
      const seen = BigInt.asUintN(condition.width, args[condition.argument] ?? 0n) & condition.mask;
      return condition.values.some((value) => value === seen);
    }
  }
}
