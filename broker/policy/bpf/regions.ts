/**
 * Sets of argument lists, exact: which calls a condition holds for, whether two conditions hold for the same ones,
 * whether anything is left. A set is a binary decision diagram over the 6 × 64 bits of the arguments, the highest bit of
 * argument 0 first. Equal sets are the same object.
 */
import type { Condition, Test } from './nodes.js';

export type Region = Terminal | Split;

interface Terminal {
  readonly kind: 'all' | 'none';
  readonly id: number;
}

/** The argument lists of `zero` where the bit is clear, and those of `one` where it is set. */
interface Split {
  readonly kind: 'split';
  readonly id: number;
  /** 64 × argument + 63 − the bit's weight. */
  readonly bit: number;
  readonly zero: Region;
  readonly one: Region;
}

export const NONE: Region = { kind: 'none', id: 0 };
export const ALL: Region = { kind: 'all', id: 1 };

/** Conditions of a hand-written policy make some hundreds of splits. */
const MOST_SPLITS = 300_000;

/** The conditions are too intricate for an exact answer. */
export class TooIntricate extends RangeError {
  constructor() {
    super('its conditions are too intricate to compare exactly');
    this.name = 'TooIntricate';
  }
}

/** What is asked of sets of calls; `point.ts` answers for one call. */
export interface Sets {
  /** The argument lists for which the condition holds. */
  of(condition: Condition): Region;
  and(a: Region, b: Region): Region;
  or(a: Region, b: Region): Region;
  minus(a: Region, b: Region): Region;
}

/** Makes regions. Only regions of the same maker can be compared. */
export class Regions implements Sets {
  readonly #splits = new Map<string, Split>();
  readonly #intersections = new Map<string, Region>();
  readonly #complements = new Map<Region, Region>();
  readonly #conditions = new Map<Condition, Region>();

  /** The argument lists for which the condition holds. */
  of(condition: Condition): Region {
    const known = this.#conditions.get(condition);
    if (known !== undefined) return known;
    const region = this.#of(condition);
    this.#conditions.set(condition, region);
    return region;
  }

  and(a: Region, b: Region): Region {
    if (a === b || b === ALL) return a;
    if (a === ALL) return b;
    if (a.kind !== 'split' || b.kind !== 'split') return NONE;
    const key = a.id < b.id ? `${a.id} ${b.id}` : `${b.id} ${a.id}`;
    const known = this.#intersections.get(key);
    if (known !== undefined) return known;
    const bit = Math.min(a.bit, b.bit);
    const zero = this.and(a.bit === bit ? a.zero : a, b.bit === bit ? b.zero : b);
    const one = this.and(a.bit === bit ? a.one : a, b.bit === bit ? b.one : b);
    const both = this.#split(bit, zero, one);
    this.#intersections.set(key, both);
    return both;
  }

  not(region: Region): Region {
    if (region.kind !== 'split') return region === ALL ? NONE : ALL;
    const known = this.#complements.get(region);
    if (known !== undefined) return known;
    const complement = this.#split(region.bit, this.not(region.zero), this.not(region.one));
    this.#complements.set(region, complement);
    this.#complements.set(complement, region);
    return complement;
  }

  or(a: Region, b: Region): Region {
    return this.not(this.and(this.not(a), this.not(b)));
  }

  minus(a: Region, b: Region): Region {
    return this.and(a, this.not(b));
  }

  #of(condition: Condition): Region {
    switch (condition.kind) {
      case 'test':
        return this.#ofTest(condition);
      case 'not':
        return this.not(this.of(condition.condition));
      case 'all':
        return condition.conditions.reduce((region, each) => this.and(region, this.of(each)), ALL);
      case 'any':
        return condition.conditions.reduce((region, each) => this.or(region, this.of(each)), NONE);
    }
  }

  #ofTest({ argument, width, mask, values }: Test): Region {
    const from = (weight: number, left: readonly bigint[]): Region => {
      if (left.length === 0) return NONE;
      if (weight < 0) return ALL;
      const bit = 1n << BigInt(weight);
      if ((mask & bit) === 0n) return from(weight - 1, left);
      const clear = left.filter((value) => (value & bit) === 0n);
      const set = left.filter((value) => (value & bit) !== 0n);
      return this.#split(64 * argument + 63 - weight, from(weight - 1, clear), from(weight - 1, set));
    };
    return from(width - 1, values);
  }

  #split(bit: number, zero: Region, one: Region): Region {
    if (zero === one) return zero;
    const key = `${bit} ${zero.id} ${one.id}`;
    const known = this.#splits.get(key);
    if (known !== undefined) return known;
    if (this.#splits.size >= MOST_SPLITS) throw new TooIntricate();
    const split: Split = { kind: 'split', id: this.#splits.size + 2, bit, zero, one };
    this.#splits.set(key, split);
    return split;
  }
}

/** One argument list of the region, with as few bits set as come first; `undefined` where it has none. */
export function exampleOf(region: Region): readonly bigint[] | undefined {
  if (region === NONE) return undefined;
  const args = [0n, 0n, 0n, 0n, 0n, 0n];
  let rest = region;
  while (rest.kind === 'split') {
    const argument = Math.floor(rest.bit / 64);
    if (rest.zero === NONE) args[argument] = (args[argument] ?? 0n) | (1n << BigInt(63 - (rest.bit % 64)));
    rest = rest.zero === NONE ? rest.one : rest.zero;
  }
  return args;
}

export function contains(region: Region, args: readonly bigint[]): boolean {
  let rest = region;
  while (rest.kind === 'split') {
    const value = args[Math.floor(rest.bit / 64)] ?? 0n;
    rest = ((value >> BigInt(63 - (rest.bit % 64))) & 1n) === 1n ? rest.one : rest.zero;
  }
  return rest === ALL;
}
