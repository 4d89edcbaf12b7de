/** Fires once after a time, or never. The time can be set again, and runs anew from then on. */
export class Clock implements Disposable {
  readonly #onEnd: (asked: number, used: number) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(onEnd: (asked: number, used: number) => void) {
    this.#onEnd = onEnd;
  }

  /** @param time milliseconds from now; `Infinity` stops it */
  arm(time: number): void {
    clearTimeout(this.#timer);
    if (time === Infinity) return;
    const started = performance.now();
    this.#timer = setTimeout(() => this.#onEnd(time, Math.round(performance.now() - started)), time).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
