/** Something that a signal ends. */
export interface Abortable {
  abandon(reason: unknown): void;
}

interface Watch {
  readonly watched: Set<Abortable>;
  readonly listener: () => void;
}

/** One listener for all calls of one signal: Node warns of a leak where a signal has more than ten. */
export class Aborts {
  readonly #watches = new WeakMap<AbortSignal, Watch>();

  watch(signal: AbortSignal, call: Abortable): void {
    const found = this.#watches.get(signal);
    if (found !== undefined) {
      found.watched.add(call);
      return;
    }
    const watched = new Set([call]);
    const listener = (): void => {
      for (const each of [...watched]) each.abandon(signal.reason);
    };
    this.#watches.set(signal, { watched, listener });
    signal.addEventListener('abort', listener, { once: true });
  }

  unwatch(signal: AbortSignal, call: Abortable): void {
    const found = this.#watches.get(signal);
    if (found === undefined || !found.watched.delete(call) || found.watched.size > 0) return;
    signal.removeEventListener('abort', found.listener);
    this.#watches.delete(signal);
  }
}
