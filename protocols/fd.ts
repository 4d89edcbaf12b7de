import { closeSync, constants, openSync } from 'node:fs';
import type { FdFacts } from '../native/shared.js';
import { ClosedError, FdKindError, InvalidArgument, UseAfterMove } from './errors.js';
import {
  accessOf,
  closeEventually,
  type FdAccess,
  type FdKind,
  type FdOperations,
  kindOf,
  nativeFds,
} from './fd-facts.js';
import { type Maker, unwatch, watchForLeak } from './leak.js';

export interface FdOpenOptions {
  /** What the path must lead to. Default `file`. */
  readonly kind?: FdKind | readonly FdKind[];
  /** Permission bits of a file that this call creates. Default 0o600. */
  readonly mode?: number;
}

/** As fopen(3): `r`, `r+`, `w` (creates, truncates), `wx` (creates, fails if it exists), `a` (creates, appends). */
export type FdOpenFlags = 'r' | 'r+' | 'w' | 'w+' | 'wx' | 'wx+' | 'a' | 'a+';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_EXCL, O_APPEND } = constants;

const openFlags: Readonly<Record<FdOpenFlags, number>> = {
  r: O_RDONLY,
  'r+': O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_EXCL,
  'wx+': O_RDWR | O_CREAT | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  'a+': O_RDWR | O_CREAT | O_APPEND,
};

/**
 * Owns one file descriptor. Sending it *moves* it, also when the send fails; `dup()` first to keep one. One that is neither
 * moved nor closed is a leak: it is reported, and stays open.
 */
export class Fd implements Disposable {
  readonly #fds: FdOperations;
  readonly #facts: FdFacts;
  #fd: number;
  #moved = false;

  private constructor(fd: number, facts: FdFacts, fds: FdOperations, maker: Maker) {
    this.#fd = fd;
    this.#facts = facts;
    this.#fds = fds;
    watchForLeak(this, `Fd ${fd} (${kindOf(facts)})`, maker);
  }

  /**
   * Opens a path. It never waits, whatever lies there: O_NONBLOCK, without which a FIFO blocks for its other end, and
   * O_NOCTTY. A path that leads to another kind of thing is an FdKindError.
   */
  static open(path: string | URL, flags: FdOpenFlags = 'r', options: FdOpenOptions = {}): Fd {
    const bits = openFlags[flags];
    if (bits === undefined)
      throw new InvalidArgument(`flags ${JSON.stringify(flags)}: use ${Object.keys(openFlags).join(', ')}`);
    // Node adds O_CLOEXEC.
    const number = openSync(path, bits | constants.O_NOCTTY | constants.O_NONBLOCK, options.mode ?? 0o600);
    try {
      const facts = nativeFds.describe(number);
      requireKind(kindOf(facts), options.kind ?? 'file', String(path));
      return new Fd(number, facts, nativeFds, Fd.open);
    } catch (error) {
      closeSync(number);
      throw error;
    }
  }

  /**
   * Takes over a number from elsewhere. From here on nobody else may close or use it: a number that two owners close is,
   * the second time, somebody else's file.
   */
  static adopt(fd: number, fds: FdOperations = nativeFds): Fd {
    if (!Number.isInteger(fd) || fd < 0) throw new InvalidArgument(`${fd} is not a file descriptor`);
    return new Fd(fd, fds.describe(fd), fds, Fd.adopt);
  }

  /** For a call that takes a number, while this Fd owns it. Do not close it, and do not keep it. */
  get number(): number {
    return this.#usable();
  }

  get kind(): FdKind {
    return kindOf(this.#facts);
  }

  get access(): FdAccess {
    return accessOf(this.#facts);
  }

  /** Bytes, as they were when this Fd was made; what is no file or memory has none. */
  get size(): bigint {
    return this.#facts.size;
  }

  /** A second owner of the same open file: offset and status flags are shared. */
  dup(): Fd {
    const copy = this.#fds.duplicate(this.#usable());
    return new Fd(copy, this.#facts, this.#fds, this.dup);
  }

  /** Gives the number away: it is the caller's to close. */
  release(): number {
    const fd = this.#usable();
    this.#fd = -1;
    this.#moved = true;
    unwatch(this);
    return fd;
  }

  /** Idempotent, and nothing after a move. */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    unwatch(this);
    closeEventually(this.#fds, fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #usable(): number {
    if (this.#moved) throw new UseAfterMove('the Fd');
    if (this.#fd < 0) throw new ClosedError('the Fd is closed');
    return this.#fd;
  }
}

/** Throws FdKindError unless `kind` is (one of) `wanted`. `what` names the thing in the message. */
export function requireKind(kind: FdKind, wanted: FdKind | readonly FdKind[], what: string): void {
  const all: readonly FdKind[] = typeof wanted === 'string' ? [wanted] : wanted;
  if (all.includes(kind)) return;
  throw new FdKindError(`${what} is ${article(kind)}, not ${all.map(article).join(' or ')}`);
}

function article(kind: FdKind): string {
  if (kind === 'memory') return 'memory';
  return kind === 'other' ? 'of another kind' : `a ${kind}`;
}
