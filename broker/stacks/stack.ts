import { escapeText } from '../../protocols/text.js';

/** What a sandboxee's own memory says of a JavaScript function. It can say anything: escaped and bounded, and no more. */
export interface ClaimedFunction {
  /** Empty: anonymous. */
  readonly function: string;
  /** Path or URL of its script; empty where there is none, as for V8's own. */
  readonly script: string;
}

export type StackFrame =
  | {
      readonly kind: 'native';
      /** Path of the mapped file; in brackets what is none. */
      readonly module: string;
      /** Bytes from the start of the file; of what is none, the address. */
      readonly offset: number;
      /** The function's name, of files alone that the host itself trusts. Its return address may be claimed. */
      readonly symbol?: string;
    }
  /** null: JavaScript of which nothing could be read. */
  | { readonly kind: 'javascript'; readonly claimed: ClaimedFunction | null };

/**
 * The innermost frame first, at most 200. Which frames there are is what the thread's registers and stack say: for finding
 * a mistake, not for deciding anything.
 */
export type Stack = { readonly frames: readonly StackFrame[] } | { readonly missing: string };

export type ThreadStack = Stack & {
  /** Thread id as the broker sees it. */
  readonly thread: number;
  /** As the thread calls itself; escaped. */
  readonly name: string;
};

/** One line, without a line feed. */
export function describeFrame(frame: StackFrame): string {
  if (frame.kind === 'native') {
    const place = `${frame.module}+0x${frame.offset.toString(16)}`;
    return frame.symbol === undefined ? place : `${frame.symbol} (${place})`;
  }
  if (frame.claimed === null) return 'JavaScript';
  const { function: name, script } = frame.claimed;
  return `JavaScript, claimed: ${name || '(anonymous)'}${script === '' ? '' : ` (${script})`}`;
}

/** As many lines as there are frames, indented. */
export function describeStack(stack: ThreadStack): string {
  const thread = `thread ${stack.thread}${stack.name === '' ? '' : ` "${stack.name}"`}`;
  if ('missing' in stack) return `  ${thread}: no stack: ${stack.missing}`;
  return [`  ${thread}:`, ...stack.frames.map((frame) => `    at ${describeFrame(frame)}`)].join('\n');
}

export function noStack(thread: number, missing: string, name = ''): ThreadStack {
  return { thread, name, missing };
}

const LONGEST_NAME = 256;

export function boundedName(text: string): string {
  return escapeText(text, { max: LONGEST_NAME });
}
