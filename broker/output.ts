import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { escapeText } from '../protocols/text.js';
import { KiB } from '../protocols/units.js';

/** When it is needed: not every sandboxee's output is read. */
const require = createRequire(import.meta.url);

/** Milliseconds. */
const WINDOW = 250;
/** What one sandboxee may write in a window before it has to wait: 1 MiB a second. */
const WINDOW_BYTES = 256 * KiB;
/** What each read counts beside its bytes: without it, a flood of single bytes would be a flood of events. */
const READ_COST = KiB;
const TAIL_BYTES = 4 * KiB;
/** Characters of one `output` event. */
const CHUNK_TEXT = 16 * KiB;
/** Milliseconds. */
const END_PATIENCE = 200;

/**
 * Reads a pipe that a sandboxee writes to, at a bounded pace: a flood fills the pipe, and the writer waits. The broker made
 * both ends, and the sandboxee's is another open file description, so that nothing it does to its own end reaches this one.
 */
export class OutputReader {
  readonly #socket: Socket;
  readonly ended: Promise<void>;
  #tail = Buffer.alloc(0);
  #inWindow = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param fd the read end; owned */
  constructor(fd: number, onText: (text: string) => void) {
    const net: typeof import('node:net') = require('node:net');
    this.#socket = new net.Socket({ fd, readable: true, writable: false });
    this.#socket.unref();
    this.ended = new Promise((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('data', (chunk: Buffer) => {
      this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES);
      this.#slowDown(READ_COST + chunk.length);
      onText(escapeText(chunk.toString('utf8'), { max: CHUNK_TEXT, keepLines: true }));
    });
  }

  /** The end of what was written, escaped. */
  get tail(): string {
    return escapeText(this.#tail.toString('utf8'), { max: TAIL_BYTES, keepLines: true });
  }

  #slowDown(cost: number): void {
    this.#inWindow += cost;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#inWindow = 0;
      this.#socket.resume();
    }, WINDOW).unref();
    if (this.#inWindow >= WINDOW_BYTES) this.#socket.pause();
  }

  /**
   * Once the sandboxee is gone: reads what is still in the pipe, at most 64 KiB, and closes it. It may have sent the other
   * end to somebody, so the end of file is waited for only so long.
   */
  async finish(): Promise<void> {
    clearTimeout(this.#timer);
    this.#socket.resume();
    const patience = setTimeout(() => this.#socket.destroy(), END_PATIENCE);
    await this.ended;
    clearTimeout(patience);
    clearTimeout(this.#timer);
  }
}
