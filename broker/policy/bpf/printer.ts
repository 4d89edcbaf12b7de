import { constants } from 'node:os';
import { type Action, type Condition, type Expression, isChoice, type Pass, type Test } from './nodes.js';

/** `if arg1 in {1, 3} then allow else violation`. Equal rules have equal text. */
export function printExpression(expression: Expression<Action | Pass>): string {
  if (!isChoice(expression)) return printAction(expression);
  const { condition, then, otherwise } = expression;
  return `if ${printCondition(condition)} then ${printExpression(then)} else ${printExpression(otherwise)}`;
}

export function printAction(action: Action | Pass): string {
  switch (action.kind) {
    case 'allow':
      return 'allow';
    case 'errno':
      return `errno ${errnoName(action.errno)}`;
    case 'kill-process':
      return 'kill';
    case 'pass':
      return 'next rule';
    case 'notify': {
      const { answer } = action;
      if (answer.kind !== 'denial') return answer.kind;
      const path = answer.path === undefined ? '' : ` (path in arg${answer.path})`;
      return `denial ${errnoName(answer.errno)}${path}`;
    }
  }
}

/** `ENOENT`, or the number where it has no name. */
export function errnoName(number: number): string {
  const entry = Object.entries(constants.errno).find(([, value]) => value === number);
  return entry === undefined ? String(number) : entry[0];
}

export function printCondition(condition: Condition): string {
  switch (condition.kind) {
    case 'test':
      return printTest(condition);
    case 'not':
      return `not ${printOperand(condition.condition)}`;
    case 'all':
      return condition.conditions.map(printOperand).join(' and ') || 'always';
    case 'any':
      return condition.conditions.map(printOperand).join(' or ') || 'never';
  }
}

function printOperand(condition: Condition): string {
  return condition.kind === 'test' ? printCondition(condition) : `(${printCondition(condition)})`;
}

function printTest({ argument, width, mask, values }: Test): string {
  const name = width === 32 ? `arg${argument}` : `arg64 ${argument}`;
  const whole = mask === (1n << BigInt(width)) - 1n;
  const masked = whole ? name : `${name} & 0x${mask.toString(16)}`;
  const [only, ...more] = values.map((value) => (value < 10n ? String(value) : `0x${value.toString(16)}`));
  return more.length === 0 ? `${masked} == ${only}` : `${masked} in {${[only, ...more].join(', ')}}`;
}
