import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import * as native from '../../native/broker.js';
import { errorCode } from '../../protocols/error-code.js';
import { pidOf } from './process-view.js';
import { statField } from './stat.js';

const { SIGKILL } = constants.signals;
const MOST_HURRIED = 64;

/**
 * To the program, and to what it started that is in its process group still, as a terminal would.
 *
 * @param init the pidfd of pid 1, which has not been reaped
 * @param program its pidfd
 */
export function signalProgram(init: number, program: number, signal: number): void {
  const group = pidOf(init);
  if (processGroupOf(pidOf(program)) !== group) {
    native.signalPidfd(program, signal);
    return;
  }
  try {
    // While pid 1 is not reaped its number is no other's; it blocks all signals itself.
    process.kill(-group, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/**
 * Who is killed has to run once more to end, and would wait for its turn behind all that it has started. As long as its pidfd
 * can be signalled, the numbers are its own: they are not given to others before all others have been.
 */
export function killSoon(pidfd: number): void {
  if (!native.signalPidfd(pidfd, SIGKILL)) return;
  try {
    const threads = readdirSync(`/proc/${pidOf(pidfd)}/task`).slice(0, MOST_HURRIED);
    if (!native.signalPidfd(pidfd, 0)) return;
    for (const tid of threads) native.hurry(Number(tid));
  } catch {}
}

/** Undefined where it is no more. */
function processGroupOf(pid: number): number | undefined {
  try {
    return Number(statField(readFileSync(`/proc/${pid}/stat`, 'latin1'), 5));
  } catch {
    return undefined;
  }
}
