import { closeSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { ProcessView } from '../../broker/process/process-view.js';
import * as native from '../../native/broker.js';
import { attackProgram } from '../support/build.js';
import { eventually } from './support.js';

const { SIGKILL } = constants.signals;
export const DEPTH = 40;

export function held(tids: number[], time = 2000): Promise<{ threads: native.HeldThread[]; release: () => void }> {
  return new Promise((resolve) => {
    const release = native.holdThreads(tids, time, (threads) => resolve({ threads, release }));
  });
}

/** test/native/frames.c, waiting at its innermost call. */
export async function withProgram(
  flags: readonly string[],
  use: (pid: number, program: string) => Promise<void>,
): Promise<void> {
  const program = attackProgram('frames', flags, `frames${flags.join('')}`);
  const [ours, its] = native.pipe();
  const { pid, pidfd } = native.spawn(program, ['frames', String(DEPTH)], [2, 2, 2, its]);
  try {
    closeSync(its);
    await eventually(() => isWaiting(pid), 'the program at its innermost call');
    await use(pid, program);
  } finally {
    closeSync(ours);
    native.signalPidfd(pidfd, SIGKILL);
    await eventually(() => native.waitPidfd(pidfd) !== null, 'its end');
    closeSync(pidfd);
  }
}

export function tracerOf(pid: number): number {
  return Number(/^TracerPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

function isWaiting(pid: number): boolean {
  using view = new ProcessView(pid);
  return view.descriptors().every(({ fd }) => fd !== 3);
}
