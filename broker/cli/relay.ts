import { writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import * as native from '../../native/broker.js';
import { errorCode } from '../../protocols/error-code.js';

/** Milliseconds. */
const RETRY = 5;
const PATIENCE = 500;

/** Carries bytes between the user's terminal and the program's. */
export class Relay {
  readonly #own: number;
  readonly #hasInput: boolean;
  /** 1 or 2: where what it writes goes to; -1: nowhere, since only stdin is a terminal. */
  readonly #output: number;
  #reader: ReadStream | undefined;
  #ended: Promise<void> = Promise.resolve();
  #pending: Buffer[] = [];
  #retry: NodeJS.Timeout | undefined;
  readonly #onResize = (): void => native.copyWindowSize(this.#hasInput ? 0 : this.#output, this.#own);
  readonly #onInput = (chunk: Buffer): void => {
    this.#pending.push(chunk);
    this.#push();
  };

  /** @param own the broker's side; owned */
  constructor(own: number, hasInput: boolean, output: number) {
    this.#own = own;
    this.#hasInput = hasInput;
    this.#output = output;
  }

  start(): void {
    const reader = new ReadStream(this.#own);
    this.#reader = reader;
    this.#ended = new Promise((resolve) => reader.once('close', () => resolve()));
    // EIO: nobody has the other side any more.
    reader.on('error', () => reader.destroy());
    const output = this.#output === 2 ? process.stderr : process.stdout;
    if (this.#output < 0) reader.resume();
    else {
      output.on('error', () => reader.resume());
      reader.on('data', (chunk: Buffer) => {
        if (!output.write(chunk)) {
          reader.pause();
          output.once('drain', () => reader.resume());
        }
      });
    }
    process.on('SIGWINCH', this.#onResize);
    if (!this.#hasInput) return;
    process.stdin.setRawMode(true);
    process.stdin.on('data', this.#onInput);
  }

  /** By hand: libuv's writes to such a fd wait for a program that does not read, and this process must not. */
  #push(): void {
    for (let chunk = this.#pending[0]; chunk !== undefined; chunk = this.#pending[0]) {
      let written = 0;
      try {
        written = writeSync(this.#own, chunk);
      } catch (error) {
        if (errorCode(error) !== 'EAGAIN') {
          this.#pending = [];
          return;
        }
        process.stdin.pause();
        this.#retry ??= setTimeout(() => {
          this.#retry = undefined;
          this.#push();
        }, RETRY);
        return;
      }
      if (written === chunk.length) this.#pending.shift();
      else this.#pending[0] = chunk.subarray(written);
    }
    process.stdin.resume();
  }

  async finish(): Promise<void> {
    clearTimeout(this.#retry);
    process.off('SIGWINCH', this.#onResize);
    const patience = setTimeout(() => this.#reader?.destroy(), PATIENCE);
    await this.#ended;
    clearTimeout(patience);
    if (!this.#hasInput) return;
    process.stdin.off('data', this.#onInput);
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stdin.unref();
  }
}
