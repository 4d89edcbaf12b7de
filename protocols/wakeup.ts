import { type Deferred, defer } from './deferred.js';

/** Lets any number wait for the next `wake`; each then looks for itself whether it was worth it. */
export class Wakeup {
  #next: Deferred<void> | null = null;

  wait(): Promise<void> {
    this.#next ??= defer();
    return this.#next.promise;
  }

  wake(): void {
    const woken = this.#next;
    this.#next = null;
    woken?.resolve();
  }
}
