/**
 * What a policy says of one syscall, as immutable values: an expression is an action, or a choice between two
 * expressions by a condition on the arguments. `dsl.ts` has the words that make them, `compiler.ts` turns them into BPF.
 *
 *     expression ::= action | if condition then expression else expression
 *     condition  ::= argument (masked by bits) is one of values | all of | any of | not
 *     action     ::= allow | errno | notify | kill the process | pass on to the next rule
 *     notify     ::= violation | denial | trace | permit
 */

export interface Allow {
  readonly kind: 'allow';
}

/** The kernel answers with this errno; nobody is told. */
export interface Errno {
  readonly kind: 'errno';
  readonly errno: number;
}

/** The monitor answers. */
export interface Notify {
  readonly kind: 'notify';
  readonly answer: Answer;
}

export type Answer =
  /** The sandboxee is killed and the syscall reported. */
  | { readonly kind: 'violation' }
  /** The syscall gets this errno and is reported as a denial; `path` is the index of an argument that points to a path. */
  | { readonly kind: 'denial'; readonly errno: number; readonly path: number | undefined }
  /** The app's hook is asked; the number and the arguments are all that it sees. */
  | { readonly kind: 'trace' }
  /** Goes on, and is reported. */
  | { readonly kind: 'permit' };

export interface KillProcess {
  readonly kind: 'kill-process';
}

/** This rule does not decide: the next rule for the same syscall does. */
export interface Pass {
  readonly kind: 'pass';
}

export type Action = Allow | Errno | Notify | KillProcess;

export interface Choice<Leaf> {
  readonly kind: 'choice';
  readonly condition: Condition;
  readonly then: Expression<Leaf>;
  readonly otherwise: Expression<Leaf>;
}

/** A total answer for one syscall. */
export type Expression<Leaf = Action> = Leaf | Choice<Leaf>;

/** An answer that may leave some arguments to the next rule. */
export type Rule = Expression<Action | Pass>;

/** `(argument & mask)` is one of `values`. The values are unsigned and have no bit outside the mask. */
export interface Test {
  readonly kind: 'test';
  /** 0 to 5. */
  readonly argument: number;
  /** 32: the low word alone, as the kernel reads an `int`; the high word may hold anything. 64: both words. */
  readonly width: 32 | 64;
  readonly mask: bigint;
  readonly values: readonly bigint[];
}

export type Condition =
  | Test
  | { readonly kind: 'all'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'any'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition };

/** Puts `next` wherever `rule` passes. */
export function sequence<Leaf>(rule: Rule, next: Expression<Leaf>): Expression<Action | Leaf> {
  return replace<Action | Pass, Action | Leaf>(rule, (leaf) => (leaf.kind === 'pass' ? next : leaf));
}

/** The expression with something else in the place of each leaf. What was shared stays shared. */
export function replace<From extends { readonly kind: string }, To>(
  expression: Expression<From>,
  change: (leaf: From) => Expression<To>,
): Expression<To> {
  const done = new Map<Expression<From>, Expression<To>>();
  const changed = (part: Expression<From>): Expression<To> => {
    if (!isChoice(part)) return change(part);
    const { condition } = part;
    const then = visit(part.then);
    const otherwise = visit(part.otherwise);
    return { kind: 'choice', condition, then, otherwise };
  };
  const visit = (part: Expression<From>): Expression<To> => {
    const known = done.get(part) ?? changed(part);
    done.set(part, known);
    return known;
  };
  return visit(expression);
}

/** Every different action that the expression can come to, in reading order. */
export function leaves<Leaf extends { readonly kind: string }>(expression: Expression<Leaf>): readonly Leaf[] {
  const found = new Set<Leaf>();
  const seen = new Set<Expression<Leaf>>();
  const visit = (part: Expression<Leaf>): void => {
    if (seen.has(part)) return;
    seen.add(part);
    if (isChoice(part)) {
      visit(part.then);
      visit(part.otherwise);
    } else {
      found.add(part);
    }
  };
  visit(expression);
  return [...found];
}

/** How many leaves it would have if nothing were shared: what is written out, grows with it. */
export function countCases<Leaf extends { readonly kind: string }>(expression: Expression<Leaf>): number {
  const counted = new Map<Expression<Leaf>, number>();
  const count = (part: Expression<Leaf>): number => {
    const cases = counted.get(part) ?? (isChoice(part) ? count(part.then) + count(part.otherwise) : 1);
    counted.set(part, cases);
    return cases;
  };
  return count(expression);
}

export function isChoice<Leaf extends { readonly kind: string }>(
  expression: Expression<Leaf>,
): expression is Choice<Leaf> {
  return expression.kind === 'choice';
}

/** Whether the expression leaves any arguments to a next rule. */
export function passesOn(rule: Rule): boolean {
  return leaves(rule).some((leaf) => leaf.kind === 'pass');
}

/** Whether a call for which this is said can get as far as the kernel's own code: what is refused goes before it. */
export function letsThrough(action: Action | Pass): boolean {
  return action.kind === 'allow' || isLeftToMonitor(action);
}

/** The monitor lets the call go on, or not. */
export function isLeftToMonitor(action: Action | Pass): boolean {
  return action.kind === 'notify' && (action.answer.kind === 'trace' || action.answer.kind === 'permit');
}

/** Whether it lets any call through. */
export function canAllow(rule: Rule): boolean {
  return leaves(rule).some(letsThrough);
}
