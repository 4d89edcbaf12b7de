import { readFileSync } from 'node:fs';
import { JsonTextError, parseJsonText } from '../policy/document/text.js';
import { PolicyError } from '../policy/errors.js';
import type { LineOf } from '../policy/explain.js';
import { Policy } from '../policy/policy.js';
import { CommandFailure } from './failure.js';

/** A policy that was read from a file, and where in the file its parts are. */
export interface PolicyFile {
  readonly policy: Policy;
  readonly lineOf: LineOf;
}

/** Throws `CommandFailure`, with a line for each thing that is wrong. */
export function readPolicyFile(path: string): PolicyFile {
  const { value, lines } = parse(path, read(path));
  const lineOf: LineOf = (pointer) => lines.get(pointer);
  try {
    const policy = Policy.parse(value);
    policy.compile();
    return { policy, lineOf };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const problems = error.problems.map(({ call, message }) => `${placeIn(path, call, lineOf)}: ${message}`);
    throw new CommandFailure(...problems);
  }
}

/** `policy.json:4: /rules/0`; the line is that of the innermost value that there is. */
export function placeIn(path: string, call: string, lineOf: LineOf): string {
  if (!call.startsWith('/')) return `${path}: ${call}`;
  for (let pointer = call; pointer !== ''; pointer = pointer.slice(0, pointer.lastIndexOf('/'))) {
    const line = lineOf(pointer);
    if (line !== undefined) return `${path}:${line}: ${call}`;
  }
  return `${path}: ${call}`;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      throw new CommandFailure(`cannot read ${path}: ${reason(error.code)}`);
    throw error;
  }
}

function reason(code: unknown): string {
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EISDIR') return 'it is a directory';
  return code === 'EACCES' ? 'this user may not' : String(code);
}

function parse(path: string, text: string): ReturnType<typeof parseJsonText> {
  try {
    return parseJsonText(text);
  } catch (error) {
    if (error instanceof JsonTextError) throw new CommandFailure(`${path} is no JSON: ${error.message}`);
    throw error;
  }
}
