import { Session } from 'node:inspector';

/**
 * Which blocks of our code have run, by V8's own counters: what a fuzzer is guided by, without instrumenting anything.
 * Reading them costs milliseconds, so that many inputs are run between two readings.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #root: string;
  readonly #seen = new Set<string>();

  /** @param root what the addresses of our modules begin with */
  constructor(root: string) {
    this.#root = root;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  get blocks(): number {
    return this.#seen.size;
  }

  forget(): void {
    this.#seen.clear();
    this.reset();
  }

  /** What ran until now is nobody's. */
  reset(): void {
    this.#session.post('Profiler.takePreciseCoverage');
  }

  /** Of the blocks that ran since the last reading, how many never had. `keep`: they have now. */
  fresh(keep: boolean): number {
    let count = 0;
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error !== null) throw error;
      for (const { url, scriptId, functions } of taken.result) {
        if (!url.startsWith(this.#root) || url.includes('/test/')) continue;
        for (const { startOffset, endOffset, count: runs } of functions.flatMap(({ ranges }) => ranges)) {
          const block = `${scriptId}:${startOffset}:${endOffset}`;
          if (runs === 0 || this.#seen.has(block)) continue;
          count += 1;
          if (keep) this.#seen.add(block);
        }
      }
    });
    return count;
  }

  stop(): void {
    this.#session.disconnect();
  }
}
