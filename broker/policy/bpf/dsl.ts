/**
 * The words of a policy rule. A rule for fcntl that allows reading flags, refuses file leases with EPERM, and leaves
 * the rest to the next rule (or, at the end, to a violation):
 *
 *     when(arg(1).in(F_GETFD, F_GETFL), allow())
 *       .when(arg(1).eq(F_SETLEASE), errno(EPERM))
 *       .otherwise(pass())
 *
 * Every value is immutable and may be shared between rules. There is no `<`: what a policy needs is equality under a
 * mask, and nothing else can be got wrong by sign or width.
 */
import { constants } from 'node:os';
import type { Action, Allow, Condition, Errno, Expression, KillProcess, Notify, Pass, Rule, Test } from './nodes.js';

export type { Action, Condition, Rule } from './nodes.js';

// Actions

export function allow(): Allow {
  return { kind: 'allow' };
}

/** The kernel answers by itself; nothing is reported. Errors above 4095 do not exist (MAX_ERRNO). */
export function errno(number: number): Errno {
  return { kind: 'errno', errno: checkErrno(number) };
}

/** The monitor kills the sandboxee and reports the syscall. */
export function violation(): Notify {
  return { kind: 'notify', answer: { kind: 'violation' } };
}

/** The monitor answers with the errno and reports a denial. */
export function deny(number: number): Notify {
  return { kind: 'notify', answer: { kind: 'denial', errno: checkErrno(number), path: undefined } };
}

/** `deny`, and argument number `argument` is a path that the report shows. ENOENT: EACCES breaks `require` on Node 24. */
export function denyPath(argument: number, number: number = constants.errno.ENOENT): Notify {
  const path = checkArgument(argument);
  return { kind: 'notify', answer: { kind: 'denial', errno: checkErrno(number), path } };
}

/**
 * The app's hook decides: `launch(…, { hooks: { trace } })`. It goes by the number and the arguments as numbers, never by
 * what a pointer leads to. What every policy refuses is not asked about.
 */
export function trace(): Notify {
  return { kind: 'notify', answer: { kind: 'trace' } };
}

/** Without a listener this is how a violation ends: the whole process, never a single thread. */
export function killProcess(): KillProcess {
  return { kind: 'kill-process' };
}

/** Leaves the decision to the next rule for the syscall. */
export function pass(): Pass {
  return { kind: 'pass' };
}

// Choices

/** `when(…, …).when(…, …).otherwise(…)`. Until `otherwise` says more, what no condition meets is passed on. */
export class When<Leaf> {
  readonly #cases: readonly (readonly [Condition, Expression<Leaf>])[];

  constructor(cases: readonly (readonly [Condition, Expression<Leaf>])[]) {
    this.#cases = cases;
  }

  when<Other>(condition: Condition, then: Expression<Other>): When<Leaf | Other> {
    return new When<Leaf | Other>([...this.#cases, [condition, then]]);
  }

  otherwise<Other>(last: Expression<Other>): Expression<Leaf | Other> {
    return this.#cases.reduceRight<Expression<Leaf | Other>>(
      (otherwise, [condition, then]) => ({ kind: 'choice', condition, then, otherwise }),
      last,
    );
  }
}

export function when<Leaf>(condition: Condition, then: Expression<Leaf>): When<Leaf> {
  return new When<Leaf>([[condition, then]]);
}

/**
 * Goes by the value of one argument, as a `switch` does:
 *
 *     match(arg(1)).case(F_GETFL, allow()).case([F_SETLK, F_SETLKW], errno(EPERM)).otherwise(pass())
 */
export function match(argument: Argument): Match<never> {
  return new Match<never>(argument, []);
}

export class Match<Leaf> {
  readonly #argument: Argument;
  readonly #cases: readonly (readonly [Condition, Expression<Leaf>])[];

  constructor(argument: Argument, cases: readonly (readonly [Condition, Expression<Leaf>])[]) {
    this.#argument = argument;
    this.#cases = cases;
  }

  case<Other>(values: Value | readonly Value[], then: Expression<Other>): Match<Leaf | Other> {
    const list: readonly Value[] = typeof values === 'object' ? values : [values];
    return new Match<Leaf | Other>(this.#argument, [...this.#cases, [this.#argument.in(...list), then]]);
  }

  otherwise<Other>(last: Expression<Other>): Expression<Leaf | Other> {
    return new When<Leaf>(this.#cases).otherwise(last);
  }
}

/** Allows the syscall where the condition holds and passes on the rest: the commonest rule. */
export function allowWhen(condition: Condition): Rule {
  return when<Action | Pass>(condition, allow()).otherwise(pass());
}

// Conditions

export function all(...conditions: readonly Condition[]): Condition {
  return { kind: 'all', conditions };
}

export function any(...conditions: readonly Condition[]): Condition {
  return { kind: 'any', conditions };
}

export function not(condition: Condition): Condition {
  return { kind: 'not', condition };
}

/** Argument 0 to 5 as an `int` or `unsigned int`: the low word, which is all that the kernel looks at. */
export function arg(argument: number): Argument {
  return new Argument(checkArgument(argument), 32);
}

/** Argument 0 to 5 as a pointer or `long`: both words. */
export function arg64(argument: number): Argument {
  return new Argument(checkArgument(argument), 64);
}

/** Numbers beyond 2^53 are written as a bigint. */
export type Value = number | bigint;

/** The value of one argument, under a mask. */
export class Argument {
  readonly #argument: number;
  readonly #width: 32 | 64;
  readonly #mask: bigint;

  constructor(argument: number, width: 32 | 64, mask: bigint = -1n) {
    this.#argument = argument;
    this.#width = width;
    this.#mask = BigInt.asUintN(width, mask);
  }

  /** The same argument with only these bits looked at. */
  masked(bits: Value): Argument {
    const mask = this.#unsigned(bits) & this.#mask;
    if (mask === 0n) throw new RangeError(`${this.#name}: a mask of no bits makes every comparison the same`);
    return new Argument(this.#argument, this.#width, mask);
  }

  eq(value: Value): Condition {
    return this.in(value);
  }

  ne(value: Value): Condition {
    return not(this.in(value));
  }

  in(...values: readonly Value[]): Condition {
    if (values.length === 0) throw new RangeError(`${this.#name}: there is no value to compare with`);
    const distinct = new Set(values.map((value) => this.#comparable(value)));
    const test: Test = {
      kind: 'test',
      argument: this.#argument,
      width: this.#width,
      mask: this.#mask,
      values: [...distinct],
    };
    return test;
  }

  /** None of these bits is set. */
  hasNone(bits: Value): Condition {
    return this.masked(bits).eq(0);
  }

  /** At least one of these bits is set. */
  hasAny(bits: Value): Condition {
    return not(this.hasNone(bits));
  }

  /** No bit but these is set. */
  hasOnly(bits: Value): Condition {
    return this.hasNone(BigInt.asUintN(this.#width, ~this.#unsigned(bits)));
  }

  get #name(): string {
    return `${this.#width === 32 ? 'arg' : 'arg64'}(${this.#argument})`;
  }

  #comparable(value: Value): bigint {
    const unsigned = this.#unsigned(value);
    if ((unsigned & ~this.#mask) === 0n) return unsigned;
    throw new RangeError(`${this.#name}: ${value} has bits outside the mask 0x${this.#mask.toString(16)}`);
  }

  /** Negative values are two's complement (`AT_FDCWD`); what does not fit the width is an error, never cut. */
  #unsigned(value: Value): bigint {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new RangeError(`${this.#name}: ${value} is no exact integer; write it as a bigint`);
    }
    const exact = BigInt(value);
    const unsigned = BigInt.asUintN(this.#width, exact);
    if (unsigned === exact || BigInt.asIntN(this.#width, exact) === exact) return unsigned;
    throw new RangeError(`${this.#name}: ${value} does not fit ${this.#width} bits`);
  }
}

function checkArgument(argument: number): number {
  if (Number.isInteger(argument) && argument >= 0 && argument <= 5) return argument;
  throw new RangeError(`a syscall has the arguments 0 to 5, not ${argument}`);
}

function checkErrno(number: number): number {
  if (Number.isInteger(number) && number >= 1 && number <= 4095) return number;
  throw new RangeError(`an errno is an integer from 1 to 4095, not ${number}`);
}
