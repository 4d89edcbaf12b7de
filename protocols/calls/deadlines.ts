/** Something that ends by itself at a time. On the clock of performance.now(). */
export interface Expiring {
  deadline: number;
  expire(): void;
}

/** One timer for all of a peer's calls: none is made for a call that is answered in time. */
export class Deadlines {
  readonly #all: () => Iterable<Expiring>;
  #timer: NodeJS.Timeout | undefined;
  #armed = Infinity;

  constructor(all: () => Iterable<Expiring>) {
    this.#all = all;
  }

  watch(deadline: number): void {
    if (deadline >= this.#armed) return;
    this.#arm(deadline);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#armed = -Infinity;
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
