import { escapeText } from '../../protocols/text.js';

/** Names and paths in a document are anybody's: nothing of them reaches the terminal as a control sequence. */
export function print(text: string): void {
  process.stdout.write(`${escapeText(text, { max: Number.POSITIVE_INFINITY, keepLines: true })}\n`);
}

export function printError(line: string): void {
  process.stderr.write(`sallyport: ${escapeText(line, { max: 4096 })}\n`);
}
