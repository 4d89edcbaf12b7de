/** One call in place of a set of calls: whatever is asked of it holds for all of it, or for none. */

import type { Condition, Test } from './bpf/nodes.js';
import { ALL, NONE, type Region, type Sets } from './bpf/regions.js';
import { type CommsNumber, conditionFor } from './comms-number.js';

export class Point implements Sets {
  readonly #args: readonly bigint[];
  readonly #comms: CommsNumber;

  /**
   * @param args six; missing ones are 0
   * @param comms the number of the comms fd inside
   */
  constructor(args: readonly bigint[], comms: CommsNumber) {
    this.#args = args;
    this.#comms = comms;
  }

  of(condition: Condition): Region {
    return this.#holds(conditionFor(condition, this.#comms)) ? ALL : NONE;
  }

  and(a: Region, b: Region): Region {
    return a === ALL && b === ALL ? ALL : NONE;
  }

  or(a: Region, b: Region): Region {
    return a === ALL || b === ALL ? ALL : NONE;
  }

  minus(a: Region, b: Region): Region {
    return a === ALL && b === NONE ? ALL : NONE;
  }

  #holds(condition: Condition): boolean {
    switch (condition.kind) {
      case 'not':
        return !this.#holds(condition.condition);
      case 'all':
        return condition.conditions.every((each) => this.#holds(each));
      case 'any':
        return condition.conditions.some((each) => this.#holds(each));
      case 'test':
        return this.#meets(condition);
    }
  }

  #meets({ argument, width, mask, values }: Test): boolean {
    return values.includes(BigInt.asUintN(width, this.#args[argument] ?? 0n) & mask);
  }
}
