import { closeSync, openSync, readSync } from 'node:fs';

/** What the first line of a script names. */
export interface Interpreter {
  readonly path: string;
  /** The one argument that the kernel passes on, the rest of the line. */
  readonly argument: string | undefined;
}

/** BINPRM_BUF_SIZE of linux/binfmts.h: of a script the kernel looks at no more. */
const LOOKED_AT = 256;

/**
 * Reads the first line as the kernel's binfmt_script does. Undefined where the file is no script.
 *
 * A launched program is executed by its fd, and the kernel would tell an interpreter to open /dev/fd/N, which is closed by
 * then. So the interpreter is what is executed, with the script's path as its argument.
 */
export function interpreterOf(path: string): Interpreter | undefined {
  const line = firstLine(path);
  const match = /^#![ \t]*([^ \t\n\0]+)(?:[ \t]+([^\n\0]*?))?[ \t]*(?:\n|$)/.exec(line);
  const interpreter = match?.[1];
  if (interpreter === undefined) return undefined;
  return { path: interpreter, argument: match?.[2] === '' ? undefined : match?.[2] };
}

function firstLine(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(LOOKED_AT);
    const size = readSync(fd, bytes, 0, bytes.length, 0);
    return bytes.toString('utf8', 0, size);
  } finally {
    closeSync(fd);
  }
}
