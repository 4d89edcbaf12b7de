import { constants, readFileSync } from 'node:fs';
import * as native from '../../native/broker.js';
import { Fd } from '../../protocols/fd.js';
import { nativeFds } from '../../protocols/fd-facts.js';
import { CommandFailure } from './failure.js';
import type { Standard } from './run-executor.js';

const NAMES = ['stdin', 'stdout', 'stderr'] as const;
const AF_UNIX = 1;
const { S_IFMT, S_IFCHR, S_IFDIR, S_IFSOCK } = constants;
/** Their major number. */
const MEMORY_DEVICES = 1n;
/** SOCK_STREAM, as /proc/net/unix writes it. */
const STREAM = '0001';

/** What the program has for stdin, stdout and stderr, and what has to be carried to and fro meanwhile. */
export interface Stdio extends Standard {
  /** Begins to carry. */
  start(): void;
  /** Once the program is gone: carries the rest, and leaves the user's terminal as it was. */
  finish(): Promise<void>;
}

/**
 * What is no terminal goes to the program itself. A terminal does not: with it a program could type for the user (TIOCSTI,
 * TIOCLINUX), read what they type next, and leave it in any state. It has one of its own, and what crosses is bytes.
 *
 * @throws CommandFailure for what must not be passed on
 */
export async function openStdio(): Promise<Stdio> {
  const terminals = await Promise.all(NAMES.map((_, number) => isTerminal(number)));
  if (!terminals.includes(true)) {
    return { fds: passedOn(terminals), terminal: undefined, start: () => {}, finish: () => Promise.resolve() };
  }
  const { Relay } = await import('./relay.js');
  const [own, other] = native.openTerminal(terminals.indexOf(true));
  const slave = Fd.adopt(other);
  const theirs = Object.fromEntries(
    NAMES.flatMap((name, number) => (terminals[number] === true ? [[name, slave.dup()]] : [])),
  );
  slave.close();
  const relay = new Relay(own, terminals[0] === true, terminals.indexOf(true, 1));
  return {
    fds: { ...passedOn(terminals), ...theirs },
    terminal: terminals.indexOf(true),
    start: () => relay.start(),
    finish: () => relay.finish(),
  };
}

/** Node loads much to answer it, and most often it is a pipe, a file or /dev/null, which is one of the devices of memory. */
async function isTerminal(number: number): Promise<boolean> {
  const { mode, rdev } = nativeFds.describe(number);
  if ((mode & S_IFMT) !== S_IFCHR || rdev >> 8n === MEMORY_DEVICES) return false;
  const { isatty } = await import('node:tty');
  return isatty(number);
}

function passedOn(terminals: readonly boolean[]): Record<string, Fd> {
  const fds: Record<string, Fd> = {};
  for (const [number, name] of NAMES.entries()) {
    if (terminals[number] === true) continue;
    requireHarmless(number, name);
    fds[name] = adopt(nativeFds.duplicate(number));
  }
  return fds;
}

/** Where it was made nobody will ask, and to find the lines of a stack in a bundle takes Node a millisecond. */
function adopt(number: number): Fd {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return Fd.adopt(number);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** From a socket of another kind messages can be sent to whom the program likes, and from a folder files be opened. */
function requireHarmless(number: number, name: string): void {
  const { mode, socketDomain, ino } = nativeFds.describe(number);
  const kind = mode & S_IFMT;
  if (kind === S_IFDIR) throw new CommandFailure(`${name} is a folder; give it a file, a pipe or a terminal`);
  if (kind !== S_IFSOCK) return;
  if (socketDomain !== AF_UNIX || typeOfUnixSocket(ino) !== STREAM) {
    throw new CommandFailure(
      `${name} is a socket of the network, or one that takes addresses; put a pipe between: … | cat`,
    );
  }
}

function typeOfUnixSocket(inode: bigint): string | undefined {
  const lines = readFileSync('/proc/net/unix', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return lines.find((fields) => fields[6] === String(inode))?.[4];
}
