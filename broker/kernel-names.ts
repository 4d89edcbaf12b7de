import { constants } from 'node:os';

/** Node's table lacks it. */
const ETOOMANYREFS = 109;
const ERRNOS = namesByNumber({ ...constants.errno, ETOOMANYREFS });
const SIGNALS = namesByNumber(constants.signals);

/** `ENOENT`; the number where it has no name. */
export function errnoName(errno: number): string {
  return ERRNOS.get(errno) ?? String(errno);
}

/** `SIGABRT`; `signal 34` where it has no name. */
export function signalName(number: number): string {
  return SIGNALS.get(number) ?? `signal ${number}`;
}

/** Of two names for one number (SIGABRT and SIGIOT, EAGAIN and EWOULDBLOCK) Node lists the usual one first. */
function namesByNumber(numbers: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(
    Object.entries(numbers)
      .reverse()
      .map(([name, number]) => [number, name]),
  );
}
