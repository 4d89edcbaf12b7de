import { Fd } from '../protocols/fd.js';
import { COMMS_VARIABLE, encodeFdNames, FDS_VARIABLE } from '../protocols/fd-names.js';
import { COMMS_FD } from '../protocols/handshake.js';
import { OptionError } from './errors.js';
import { PLAN_LIMITS } from './plan/ops.js';
import type { CommsNumber } from './policy/comms-number.js';

/**
 * What is behind an fd that the sandboxee has from the start: one that is given away, or whose other end the broker keeps.
 * A `pipe` leads from the sandboxee to the broker, that of `stdin` the other way.
 */
export type DeclaredFd = Fd | 'pipe' | 'socket';

/** By name, such as `input`, by `stdin`, `stdout` and `stderr`, or by the number that it has inside, such as `7`. */
export type DeclaredFds = Readonly<Record<string, DeclaredFd>>;

export interface PlacedFd {
  /** As it was declared. */
  readonly name: string;
  /** Inside. */
  readonly number: number;
  readonly source: DeclaredFd;
}

/** Which number everything has inside. */
export interface FdLayout {
  readonly comms: CommsNumber;
  readonly placed: readonly PlacedFd[];
  /** By which the program finds what has a name, and comms where it is not at its usual number. */
  readonly environment: Readonly<Record<string, string>>;
}

const STDIO: Readonly<Record<string, number>> = { stdin: 0, stdout: 1, stderr: 2 };
const NUMBER = /^(?:0|[1-9][0-9]{0,3})$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const MOST = PLAN_LIMITS.keptFds - 8;

/** @throws OptionError for a name, a number or a kind that cannot be */
export function layOut(fds: DeclaredFds, option: string, wanted?: 'none'): FdLayout {
  const entries = Object.entries(fds);
  if (entries.length > MOST) throw new OptionError(option, `${entries.length} fds, where ${MOST} are the most`);
  const taken = new Map<number, string>();
  for (const [name, source] of entries) {
    requireDeclarable(name, source, option);
    const number = fixedNumber(name);
    if (number === undefined) continue;
    const other = taken.get(number);
    if (other !== undefined) throw new OptionError(`${option}.${name}`, `fd ${number} is also '${other}'`);
    if (number >= PLAN_LIMITS.fdNumbers)
      throw new OptionError(`${option}.${name}`, `numbers are below ${PLAN_LIMITS.fdNumbers}`);
    taken.set(number, name);
  }
  let next = COMMS_FD + 1;
  const free = (): number => {
    while (taken.has(next)) next++;
    return next++;
  };
  const comms = wanted ?? (taken.has(COMMS_FD) ? free() : COMMS_FD);
  const placed = entries.map(([name, source]) => ({ name, source, number: fixedNumber(name) ?? free() }));
  const named = placed.filter(({ name }) => fixedNumber(name) === undefined);
  return {
    comms,
    placed,
    environment: {
      ...(comms === COMMS_FD || comms === 'none' ? {} : { [COMMS_VARIABLE]: String(comms) }),
      ...(named.length === 0 ? {} : { [FDS_VARIABLE]: encodeFdNames(named) }),
    },
  };
}

/** Those that follow the launcher's own; stdio has its own places. */
export function extraFds({ placed }: FdLayout): readonly PlacedFd[] {
  return placed.filter(({ number }) => number > 2);
}

function fixedNumber(name: string): number | undefined {
  if (NUMBER.test(name)) return Number(name);
  return Object.hasOwn(STDIO, name) ? STDIO[name] : undefined;
}

function requireDeclarable(name: string, source: DeclaredFd, option: string): void {
  if (!NUMBER.test(name) && !NAME.test(name)) {
    throw new OptionError(option, `${JSON.stringify(name)} is neither a name of letters, digits, _ and - nor a number`);
  }
  if (source === 'pipe' || source === 'socket') return;
  if (!(source instanceof Fd)) {
    throw new OptionError(
      `${option}.${name}`,
      "give it an Fd, 'pipe' or 'socket'; a bare number is not taken: Fd.adopt it",
    );
  }
  if (source.kind === 'directory' || source.access === 'path') {
    throw new OptionError(
      `${option}.${name}`,
      'a directory or O_PATH fd leads to whatever a path from it leads to: grant files by the policy instead',
    );
  }
}
