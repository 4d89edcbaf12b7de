/** What is held and must be released together, in the reverse order of its taking. Node 20 has no DisposableStack. */
export class Held implements Disposable {
  readonly #releases: (() => void)[] = [];

  add<T extends Disposable>(resource: T): T {
    this.#releases.push(() => resource[Symbol.dispose]());
    return resource;
  }

  /** For what is no Disposable, such as a bare fd. */
  defer(release: () => void): void {
    this.#releases.push(release);
  }

  /** Releases all, also when one of them fails; the first failure is thrown. */
  [Symbol.dispose](): void {
    const failures: unknown[] = [];
    for (let release = this.#releases.pop(); release; release = this.#releases.pop()) {
      try {
        release();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
