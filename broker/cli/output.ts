import { writeSync } from 'node:fs';
import { errorCode } from '../../protocols/error-code.js';
import { escapeText } from '../../protocols/text.js';

/** Names and paths in a document are anybody's: nothing of them reaches the terminal as a control sequence. */
export function print(text: string): void {
  process.stdout.write(`${escapeText(text, { max: Number.POSITIVE_INFINITY, keepLines: true })}\n`);
}

/**
 * A line for stderr. Not by `process.stderr`, which would make a pipe that the program has as well non-blocking. What nobody
 * takes is lost.
 */
export function complain(line: string): void {
  write(2, `sallyport: ${escapeText(line, { max: 4096 })}\n`);
}

/** Text of our own. */
export function say(text: string): void {
  write(1, text);
}

const UNTAKEN = ['EPIPE', 'EAGAIN', 'EIO', 'EBADF'];

function write(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch (error) {
    if (!UNTAKEN.includes(String(errorCode(error)))) throw error;
  }
}
