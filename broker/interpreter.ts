import { closeSync, openSync, readSync } from 'node:fs';
import { OptionError } from './errors.js';

/** What the first line of a script names. */
export interface Interpreter {
  readonly path: string;
  /** The one argument that the kernel passes on, the rest of the line. */
  readonly argument: string | undefined;
}

/** BINPRM_BUF_SIZE of linux/binfmts.h: of a script the kernel looks at no more. */
const LOOKED_AT = 256;
const NUL = 0;
const NEWLINE = 0x0a;
const MAGIC = '#!';

/**
 * Reads the first line as the kernel's binfmt_script does. Undefined where the file is no script.
 *
 * A launched program is executed by its fd, and the kernel would tell an interpreter to open /dev/fd/N, which is closed by
 * then. So the interpreter is what is executed, with the script's path as its argument.
 *
 * @throws OptionError where the interpreter's name is no text, which would name another file
 */
export function interpreterOf(path: string): Interpreter | undefined {
  const line = firstLine(path);
  if (line === undefined) return undefined;
  const text = line.toString('utf8');
  if (!Buffer.from(text).equals(line)) {
    throw new OptionError('program().path', `the first line of ${path} is not UTF-8, and names no interpreter`);
  }
  const match = /^[ \t]*([^ \t]+)(?:[ \t]+(.*?))?[ \t]*$/s.exec(text);
  const interpreter = match?.[1];
  if (interpreter === undefined) return undefined;
  return { path: interpreter, argument: match?.[2] === '' ? undefined : match?.[2] };
}

/**
 * What follows the magic. A line that is too long loses the end of its argument, but not of its interpreter: what is left of
 * that would be another program.
 */
function firstLine(path: string): Buffer | undefined {
  const bytes = start(path);
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
  const newline = bytes.indexOf(NEWLINE);
  const nul = bytes.indexOf(NUL);
  if (newline >= 0 && newline < nul) return bytes.subarray(MAGIC.length, newline);
  // The last byte is never looked at, so that there is room for a NUL.
  const line = bytes.subarray(MAGIC.length, Math.min(nul, LOOKED_AT - 1));
  const isWhole = nul < LOOKED_AT - 1 || /^[ \t]*[^ \t]+[ \t]/.test(line.toString('latin1'));
  return isWhole ? line : undefined;
}

/** With a NUL behind them. */
function start(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(LOOKED_AT + 1);
    readSync(fd, bytes, 0, LOOKED_AT, 0);
    return bytes;
  } finally {
    closeSync(fd);
  }
}
