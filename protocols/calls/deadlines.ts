import { afterTurn } from '../deferred.js';

/** Something that ends by itself after a time. */
export interface Expiring {
  /** Milliseconds from the end of the turn in which it is watched. Infinity: not, or not any more. */
  timeout: number;
  /** On the clock of performance.now(). */
  deadline: number;
  expire(): void;
}

/** One timer for all of a peer's calls: none is made for a call that is answered in time. */
export class Deadlines {
  readonly #all: () => Iterable<Expiring>;
  #timer: NodeJS.Timeout | undefined;
  #armed = Infinity;
  /** Of this turn: the clock is looked at once for all of them. */
  readonly #young: Expiring[] = [];

  constructor(all: () => Iterable<Expiring>) {
    this.#all = all;
  }

  watch(each: Expiring): void {
    if (this.#young.push(each) === 1) afterTurn(() => this.#begin());
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#armed = -Infinity;
  }

  #begin(): void {
    const now = performance.now();
    let next = Infinity;
    for (const each of this.#young) {
      each.deadline = now + each.timeout;
      if (each.deadline < next) next = each.deadline;
    }
    this.#young.length = 0;
    if (next < this.#armed) this.#arm(next);
  }

  #arm(deadline: number): void {
    clearTimeout(this.#timer);
    this.#armed = deadline;
    // A timer that is longer than this would fire at once.
    const delay = Math.min(Math.max(1, Math.ceil(deadline - performance.now())), 0x7fffffff);
    this.#timer = setTimeout(() => this.#look(), delay).unref();
  }

  #look(): void {
    const now = performance.now();
    let next = Infinity;
    const due: Expiring[] = [];
    for (const each of this.#all()) {
      if (each.deadline <= now) due.push(each);
      else if (each.deadline < next) next = each.deadline;
    }
    this.#armed = Infinity;
    if (next < Infinity) this.#arm(next);
    for (const each of due) each.expire();
  }
}
