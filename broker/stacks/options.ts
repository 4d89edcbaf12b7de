import { OptionError } from '../errors.js';

/** When stacks are taken. What ended by itself, by a signal or an exit, has none any more. */
export interface StackOptions {
  /** Of the thread that made a syscall that ends the sandboxee. Default true. */
  readonly violation?: boolean;
  /** When wall time runs out. Default true. */
  readonly timeout?: boolean;
  /** When `kill()`, a disposal or an AbortSignal ends it. Default false. */
  readonly kill?: boolean;
  /** Of every thread, instead of the one that it was or the main one. Default false. */
  readonly allThreads?: boolean;
}

/** How long the end of a sandboxee waits for its stacks, at most. Milliseconds; the other threads run on for as long. */
export const HOLD_TIME = 1000;

export const DEFAULT_STACKS: Required<StackOptions> = {
  violation: true,
  timeout: true,
  kill: false,
  allThreads: false,
};

/** @throws OptionError */
export function checkStacks(stacks: StackOptions): void {
  if (typeof stacks !== 'object' || stacks === null) {
    throw new OptionError('launch().stacks', `${String(stacks)} is not an object such as { kill: true }`);
  }
  const names = Object.keys(DEFAULT_STACKS);
  for (const [name, value] of Object.entries(stacks)) {
    if (name === 'exit' || name === 'signal') {
      throw new OptionError(`launch().stacks.${name}`, 'what ended by itself has no stack left to read');
    }
    if (!names.includes(name)) {
      throw new OptionError(`launch().stacks.${name}`, `no such option; there are ${names.join(', ')}`);
    }
    if (typeof value !== 'boolean') throw new OptionError(`launch().stacks.${name}`, 'it is true or false');
  }
}
