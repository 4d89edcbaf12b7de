import { escapeText } from '../text.js';

export type Segment = string | number;

/** Most of a peer's text that a message repeats. */
const MOST_TEXT = 40;

/**
 * A value or a message does not fit its type. Thrown where the fault is, and given its path on the way out, so that a fault
 * costs and success does not.
 */
export class Mismatch extends Error {
  readonly path: Segment[] = [];

  /** `names[3].first`; empty for the whole. */
  get where(): string {
    return this.path.map((segment, index) => show(segment, index === 0)).join('');
  }

  /** Where, what, and what would be right. */
  get explanation(): string {
    return this.path.length === 0 ? this.message : `${this.where}: ${this.message}`;
  }
}

/** To be thrown on: what is no Mismatch goes its way unchanged. */
export function within(error: unknown, segment: Segment): unknown {
  if (error instanceof Mismatch) error.path.unshift(segment);
  return error;
}

/** What was given, short enough for a message and safe to show. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return escapeText(JSON.stringify(value.slice(0, MOST_TEXT)), { max: 2 * MOST_TEXT });
    case 'bigint':
      return `${escapeText(String(value), { max: MOST_TEXT })}n`;
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'object':
      return value === null ? 'null' : 'an object';
    default:
      return `a ${typeof value}`;
  }
}

function show(segment: Segment, isFirst: boolean): string {
  if (typeof segment === 'number') return `[${segment}]`;
  if (!/^[A-Za-z_$][\w$]*$/.test(segment)) return `[${shown(segment)}]`;
  return isFirst ? segment : `.${segment}`;
}
