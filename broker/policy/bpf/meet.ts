/** The answer on which two expressions agree: for each call the stricter of theirs. */
import { type Action, type Condition, type Expression, isChoice, replace } from './nodes.js';
import { printCondition } from './printer.js';

/** From what lets the call through to what ends everything. */
const STRICTEST_LAST = ['allow', 'permit', 'trace', 'errno', 'denial', 'violation', 'kill-process'] as const;

function strictness(action: Action): number {
  return STRICTEST_LAST.indexOf(action.kind === 'notify' ? action.answer.kind : action.kind);
}

/** Of two that are as strict (two errnos), the first. */
export function strictest(first: Action, second: Action): Action {
  return strictness(second) > strictness(first) ? second : first;
}

/** Immutable and total, as both are. A condition of the second that the first has decided already is not asked again. */
export function meet(first: Expression, second: Expression): Expression {
  return join(first, second, new Map());
}

type Assumptions = ReadonlyMap<string, boolean>;

function join(first: Expression, second: Expression, known: Assumptions): Expression {
  if (!isChoice(first)) return replace<Action, Action>(assume(second, known), (leaf) => strictest(first, leaf));
  const { condition } = first;
  const then = join(first.then, second, assuming(known, condition, true));
  const otherwise = join(first.otherwise, second, assuming(known, condition, false));
  return { kind: 'choice', condition, then, otherwise };
}

function assuming(known: Assumptions, condition: Condition, holds: boolean): Assumptions {
  return new Map(known).set(printCondition(condition), holds);
}

function assume(expression: Expression, known: Assumptions): Expression {
  if (!isChoice(expression)) return expression;
  const { condition } = expression;
  const holds = known.get(printCondition(condition));
  if (holds !== undefined) return assume(holds ? expression.then : expression.otherwise, known);
  const then = assume(expression.then, known);
  const otherwise = assume(expression.otherwise, known);
  return { kind: 'choice', condition, then, otherwise };
}
