/**
 * Raw BPF for those who bring it: the text that the disassembler writes, with labels, or `struct sock_filter`s. It is
 * read into a rule like any other, so that it can be printed, compared and intersected, and so that what every policy
 * refuses stays refused. write to fd 1 only, and EPERM for the rest:
 *
 *     bpf(`
 *               load arg0.low
 *               if A == 1 goto out else other
 *       other:  return ERRNO EPERM
 *       out:    return ALLOW
 *     `)
 *
 *     line      ::= [label:] operation [; comment]
 *     operation ::= load number | load architecture | load argN.low | load argN.high | and BITS | goto LABEL | next
 *                 | if A TEST VALUE goto LABEL [else LABEL]
 *                 | return ALLOW | return ERRNO NAME | return USER_NOTIF | return KILL_PROCESS
 *     TEST      ::= == | != | > | >= | < | <= | &
 *
 * `next`, and the end of the program, leave the call to the next rule. USER_NOTIF is a violation. Jumps go forward.
 */
import type { Architecture } from '../syscalls/index.js';
import type { Instruction } from './assembler.js';
import { any, not, pass } from './dsl.js';
import type { Condition, Rule, Test } from './nodes.js';
import { BadRawProgram, type Operation, operationsOf } from './raw-operations.js';

export { BadRawProgram } from './raw-operations.js';

/** What says nothing by itself yet: the program may look at the number, so it is read for one syscall at a time. */
export class RawProgram {
  /** As it was written: lines of text, or instructions. */
  readonly source: readonly string[] | readonly Instruction[];

  constructor(source: readonly string[] | readonly Instruction[]) {
    this.source = [...source] as readonly string[] | readonly Instruction[];
  }
}

/** A program as text, or as instructions whose jumps count from the next one. Read, and checked, by the builder. */
export function bpf(program: string | readonly string[] | readonly Instruction[]): RawProgram {
  return new RawProgram(typeof program === 'string' ? program.split('\n') : program);
}

/** The rule that the program is for one syscall. Throws `BadRawProgram`. */
export function ruleOf(program: RawProgram, number: number, architecture: Architecture): Rule {
  return new Reader(operationsOf(program.source), number, architecture).from(0, { text: 'A', value: 0 });
}

/** What the accumulator holds: a number that is known, or a word of the arguments under a mask. */
type Accumulator =
  | { readonly text: string; readonly value: number }
  | { readonly text: string; readonly argument: number; readonly half: 'low' | 'high'; readonly mask: number };

/**
 * Of a way through the program, and of all ways: a mask that is put on or not doubles what the accumulator can hold
 * behind it, and a few lines of that would be read for hours.
 */
const MOST_TESTS = 1000;
const MOST_STATES = 16_384;

/** Follows the program with the arguments unknown. Every place is read once for all that the accumulator can hold. */
class Reader {
  readonly #operations: readonly Operation[];
  readonly #number: number;
  readonly #architecture: Architecture;
  readonly #read = new Map<string, Rule>();

  constructor(operations: readonly Operation[], number: number, architecture: Architecture) {
    this.#operations = operations;
    this.#number = number;
    this.#architecture = architecture;
  }

  /** @param tests how many were made on the way here */
  from(start: number, given: Accumulator, tests = 0): Rule {
    let [at, accumulator] = [start, given];
    for (;;) {
      const operation = this.#operations[at];
      if (operation === undefined) return pass();
      switch (operation.kind) {
        case 'next':
          return pass();
        case 'return':
          return operation.action;
        case 'goto':
          at = operation.target;
          break;
        case 'load':
          accumulator = this.#load(operation.word);
          at += 1;
          break;
        case 'and':
          accumulator = and(accumulator, operation.mask);
          at += 1;
          break;
        case 'if':
          return this.#tested(operation, at, accumulator, tests);
      }
    }
  }

  #tested(operation: Extract<Operation, { kind: 'if' }>, at: number, accumulator: Accumulator, tests: number): Rule {
    const key = `${at} ${accumulator.text}`;
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const { line, says, yes, no } = operation;
    if (says !== 'A' && says !== accumulator.text) {
      throw new BadRawProgram(line, `the accumulator holds ${accumulator.text} here, not ${says}`);
    }
    if (tests === MOST_TESTS) throw new BadRawProgram(line, `more than ${MOST_TESTS} tests come one after the other`);
    if (this.#read.size === MOST_STATES) {
      throw new BadRawProgram(
        line,
        `the accumulator can hold too many things: ${MOST_STATES} tests of one are the most`,
      );
    }
    const condition = compare(accumulator, operation.test, operation.value);
    const way = (target: number): Rule => this.from(target, accumulator, tests + 1);
    const rule = typeof condition === 'boolean' ? way(condition ? yes : no) : choose(condition, way(yes), way(no));
    this.#read.set(key, rule);
    return rule;
  }

  #load(word: string): Accumulator {
    if (word === 'number') return { text: word, value: this.#number };
    if (word === 'architecture') return { text: word, value: this.#architecture };
    const half = word.endsWith('.high') ? 'high' : 'low';
    return { text: word, argument: Number(word[3]), half, mask: 0xffffffff };
  }
}

function choose(condition: Condition, then: Rule, otherwise: Rule): Rule {
  return then === otherwise ? then : { kind: 'choice', condition, then, otherwise };
}

function and(accumulator: Accumulator, bits: number): Accumulator {
  const text = `(${accumulator.text} & 0x${bits.toString(16)})`;
  if ('value' in accumulator) return { text, value: (accumulator.value & bits) >>> 0 };
  return { ...accumulator, text, mask: (accumulator.mask & bits) >>> 0 };
}

type Comparison = 'equal' | 'at-least' | 'bits';

/** Whether it holds, where that is certain; else for which arguments. */
function compare(accumulator: Accumulator, test: Comparison, value: number): Condition | boolean {
  if ('value' in accumulator) {
    if (test === 'equal') return accumulator.value === value;
    return test === 'at-least' ? accumulator.value >= value : (accumulator.value & value) !== 0;
  }
  switch (test) {
    case 'equal':
      return isUnder(accumulator, LARGEST, value);
    case 'bits': {
      const clear = isUnder(accumulator, value, 0);
      return typeof clear === 'boolean' ? !clear : not(clear);
    }
    case 'at-least':
      return isAtLeast(accumulator, value);
  }
}

type Word = Exclude<Accumulator, { readonly value: number }>;

/** `(word & bits) == value`. */
function isUnder({ argument, half, mask: kept }: Word, bits: number, value: number): Condition | boolean {
  const mask = (kept & bits) >>> 0;
  if ((value & ~mask) !== 0) return false;
  if (mask === 0) return true;
  const shift = half === 'high' ? 32n : 0n;
  const condition: Test = {
    kind: 'test',
    argument,
    width: half === 'high' ? 64 : 32,
    mask: BigInt(mask) << shift,
    values: [BigInt(value >>> 0) << shift],
  };
  return condition;
}

/**
 * There is no order among the tests of a rule: a word is at least `value` where it is equal, or begins like `value` down
 * to some bit that is clear there and set in the word; and it is less where it begins like it down to some bit that is
 * set there and clear in the word. The shorter of the two is taken.
 */
function isAtLeast(word: Word, value: number): Condition | boolean {
  const above = waysPast(word, value, (bit) => (value & bit) === 0);
  const below = waysPast(word, value, (bit) => (value & bit) !== 0);
  const least = either([isUnder(word, LARGEST, value), ...above]);
  if (above.length < below.length) return least;
  const less = either(below);
  return typeof less === 'boolean' ? !less : not(less);
}

const LARGEST = 0xffffffff;

/** Begins like `value` down to one of the chosen bits, which differs. */
function waysPast(word: Word, value: number, chosen: (bit: number) => boolean): readonly (Condition | boolean)[] {
  const bits = Array.from({ length: 32 }, (_, weight) => (1 << weight) >>> 0).filter(chosen);
  return bits.map((bit) => {
    const higher = (-bit & ~bit) >>> 0;
    return isUnder(word, (higher | bit) >>> 0, ((value & higher) | (~value & bit)) >>> 0);
  });
}

function either(ways: readonly (Condition | boolean)[]): Condition | boolean {
  if (ways.includes(true)) return true;
  const possible = ways.filter((way) => typeof way !== 'boolean');
  const [only] = possible;
  if (only === undefined) return false;
  return possible.length === 1 ? only : any(...possible);
}
