import { constants } from 'node:os';
import { type Architecture, AUDIT_ARCH_X86_64, X32_SYSCALL_BIT } from '../syscalls/index.js';
import { assemble, encode } from './assembler.js';
import { type Block, Graph } from './graph.js';
import { type Action, type Condition, type Expression, isChoice, type Test } from './nodes.js';

/** What a filter says of every syscall of every architecture. */
export interface Filter {
  readonly architecture: Architecture;
  /** The largest number of the architecture's table. */
  readonly highest: number;
  readonly rules: ReadonlyMap<number, Expression>;
  /** For numbers of the table that have no rule. */
  readonly unlisted: Action;
  /** For numbers above the table: a kernel newer than this package has more syscalls, and programs probe for them. */
  readonly unknown: Action;
  /** For other architectures, x32 among them. */
  readonly foreign: Action;
}

/** Byte offsets in `struct seccomp_data`: `int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]`. */
export const NUMBER_OFFSET = 0;
export const ARCHITECTURE_OFFSET = 4;
export const ARGUMENTS_OFFSET = 16;

/** SECCOMP_RET_* of linux/seccomp.h. */
export const RETURN = {
  killProcess: 0x80000000,
  errno: 0x00050000,
  userNotification: 0x7fc00000,
  allow: 0x7fff0000,
} as const;

/**
 * SECCOMP_RET_DATA of a notification. The kernel passes over it; the monitor, which runs the same program on the same
 * arguments, learns from it which of the calls of one number it may let go on.
 */
export const NOTIFICATION_DATA = { violation: 0, denial: 0, trace: 1, permit: 2 } as const;

const LOW_WORD = 0xffffffffn;

/** The numbers from `first` to the next range's `first` have the same code. */
interface Range {
  readonly first: number;
  readonly block: Block;
}

/** `struct sock_filter[]`. Throws `ProgramTooLong`. */
export function compile(filter: Filter): Uint8Array {
  return encode(assemble(new Compiler(filter).program()));
}

class Compiler {
  readonly #graph = new Graph();
  readonly #compiled = new Map<Expression, Block>();
  readonly #filter: Filter;

  constructor(filter: Filter) {
    this.#filter = filter;
  }

  program(): Block {
    return this.#checkArchitecture(this.#checkX32(this.#dispatch(this.#ranges())));
  }

  /**
   *     ld arch
   *     jeq ARCHITECTURE ? next : foreign
   *
   * First of all, since a number means another syscall elsewhere: `int $0x80` reaches a 64-bit process too.
   */
  #checkArchitecture(next: Block): Block {
    const numbered = this.#graph.load(NUMBER_OFFSET, next);
    const foreign = this.#action(this.#filter.foreign);
    const check = this.#graph.branch('equal', this.#filter.architecture, numbered, foreign);
    return this.#graph.load(ARCHITECTURE_OFFSET, check);
  }

  /** `jset 0x40000000 ? foreign : next`; -1, which no syscall has, goes the same way. */
  #checkX32(next: Block): Block {
    if (this.#filter.architecture !== AUDIT_ARCH_X86_64) return next;
    return this.#graph.branch('bits', X32_SYSCALL_BIT, this.#action(this.#filter.foreign), next);
  }

  /** All numbers from 0 on, with equal neighbours in one range. */
  #ranges(): readonly Range[] {
    const { highest, rules, unlisted, unknown } = this.#filter;
    const ranges: Range[] = [];
    const add = (first: number, expression: Expression): void => {
      const block = this.#expression(expression);
      if (ranges.at(-1)?.block !== block) ranges.push({ first, block });
    };
    for (let number = 0; number <= highest; number++) add(number, rules.get(number) ?? unlisted);
    add(highest + 1, unknown);
    return ranges;
  }

  /**
   * A balanced binary search with the number in the accumulator:
   *
   *     jge FIRST-OF-THE-UPPER-HALF ? upper half : lower half
   */
  #dispatch(ranges: readonly Range[]): Block {
    const middle = ranges.length >> 1;
    const range = ranges[middle];
    if (range === undefined) throw new Error('a filter has at least one range of numbers');
    if (middle === 0) return range.block;
    const lower = this.#dispatch(ranges.slice(0, middle));
    const upper = this.#dispatch(ranges.slice(middle));
    return this.#graph.branch('at-least', range.first, upper, lower);
  }

  #expression(expression: Expression): Block {
    const known = this.#compiled.get(expression);
    if (known !== undefined) return known;
    const block = isChoice(expression)
      ? this.#condition(expression.condition, this.#expression(expression.then), this.#expression(expression.otherwise))
      : this.#action(expression);
    this.#compiled.set(expression, block);
    return block;
  }

  #condition(condition: Condition, yes: Block, no: Block): Block {
    switch (condition.kind) {
      case 'not':
        return this.#condition(condition.condition, no, yes);
      case 'all':
        return condition.conditions.reduceRight((rest, each) => this.#condition(each, rest, no), yes);
      case 'any':
        return condition.conditions.reduceRight((rest, each) => this.#condition(each, yes, rest), no);
      case 'test':
        return condition.width === 32 ? this.#test32(condition, yes, no) : this.#test64(condition, yes, no);
    }
  }

  /**
   *     ld argument.low
   *     and MASK
   *     jeq VALUE ? yes : jeq VALUE ? yes : … no
   */
  #test32({ argument, mask, values }: Test, yes: Block, no: Block): Block {
    const compare = values.reduceRight<Block>((rest, value) => this.#equal(value, yes, rest), no);
    return this.#low(argument, mask, compare);
  }

  /**
   * For each value:
   *
   *     ld argument.high
   *     and MASK.high
   *     jeq VALUE.high ? low : next value
   *     low: ld argument.low
   *     and MASK.low
   *     jeq VALUE.low ? yes : next value
   */
  #test64({ argument, mask, values }: Test, yes: Block, no: Block): Block {
    return values.reduceRight<Block>((rest, value) => {
      const low = this.#low(argument, mask, this.#equal(value, yes, rest));
      return this.#high(argument, mask, this.#equal(value >> 32n, low, rest));
    }, no);
  }

  #equal(value: bigint, yes: Block, no: Block): Block {
    return this.#graph.branch('equal', Number(value & LOW_WORD), yes, no);
  }

  #low(argument: number, mask: bigint, next: Block): Block {
    return this.#graph.load(ARGUMENTS_OFFSET + 8 * argument, this.#graph.and(Number(mask & LOW_WORD), next));
  }

  #high(argument: number, mask: bigint, next: Block): Block {
    return this.#graph.load(ARGUMENTS_OFFSET + 8 * argument + 4, this.#graph.and(Number(mask >> 32n), next));
  }

  #action(action: Action): Block {
    switch (action.kind) {
      case 'allow':
        return this.#graph.return(RETURN.allow);
      case 'errno':
        return this.#graph.return(RETURN.errno | action.errno);
      case 'notify':
        return this.#graph.return(RETURN.userNotification | NOTIFICATION_DATA[action.answer.kind]);
      case 'kill-process':
        return this.#graph.return(RETURN.killProcess);
    }
  }
}

/** What a program gets from a syscall that its kernel does not have. */
export const NO_SUCH_SYSCALL: Action = { kind: 'errno', errno: constants.errno.ENOSYS };
