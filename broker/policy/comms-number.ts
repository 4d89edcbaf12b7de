/**
 * Permits and refusals that go by the number of the comms fd. It is 3 in every policy, in every document and in all that is
 * explained; where an executor puts another fd there, the compiled policy is told the number that comms has instead.
 */
import { COMMS_FD } from '../../protocols/handshake.js';
import { all, any, arg, not } from './bpf/dsl.js';
import { type Action, type Choice, type Condition, type Expression, isChoice } from './bpf/nodes.js';

/** `none`: the program has no comms, and no number of its own is reserved. */
export type CommsNumber = number | 'none';

const NEVER: Condition = any();

const MOVABLE = new WeakMap<Condition, (comms: number) => Condition>();

/** The argument is the comms fd. */
export function isComms(argument: number): Condition {
  return movable((comms) => arg(argument).eq(comms));
}

/** The range that the first two arguments give, both unsigned, has the comms fd in it. */
export function spansComms(): Condition {
  return movable((comms) => all(atMost(0, comms), not(atMost(1, comms - 1))));
}

function movable(condition: (comms: number) => Condition): Condition {
  const usual = condition(COMMS_FD);
  MOVABLE.set(usual, condition);
  return usual;
}

/** For each bit that is set, the numbers that agree above it and do not have it; and the number itself. */
function atMost(argument: number, most: number): Condition {
  const below: Condition[] = [];
  for (let bit = 0; 2 ** bit <= most; bit++) {
    if ((most & (1 << bit)) === 0) continue;
    below.push(
      arg(argument)
        .masked((-1 << bit) >>> 0)
        .eq(((most >>> bit) - 1) * 2 ** bit),
    );
  }
  return any(arg(argument).eq(most), ...below);
}

/** The same decision where comms has this number. */
export function withComms(decision: Expression, comms: CommsNumber): Expression {
  if (comms === COMMS_FD) return decision;
  const done = new Map<Expression, Expression>();
  const changed = (part: Choice<Action>): Expression => {
    const then = visit(part.then);
    const otherwise = visit(part.otherwise);
    return { kind: 'choice', condition: moved(part.condition, comms), then, otherwise };
  };
  const visit = (part: Expression): Expression => {
    if (!isChoice<Action>(part)) return part;
    const known = done.get(part) ?? changed(part);
    done.set(part, known);
    return known;
  };
  return visit(decision);
}

/** The condition where comms has this number. */
export function conditionFor(condition: Condition, comms: CommsNumber): Condition {
  return comms === COMMS_FD ? condition : moved(condition, comms);
}

function moved(condition: Condition, comms: CommsNumber): Condition {
  const place = MOVABLE.get(condition);
  if (place) return comms === 'none' ? NEVER : place(comms);
  switch (condition.kind) {
    case 'test':
      return condition;
    case 'not':
      return not(moved(condition.condition, comms));
    case 'all':
      return all(...condition.conditions.map((part) => moved(part, comms)));
    case 'any':
      return any(...condition.conditions.map((part) => moved(part, comms)));
  }
}
