import { spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import type { Cpus } from './peers/peer.js';

export type Placement = 'one-cpu' | 'two-cpus';

export const cpusOf: Readonly<Record<Placement, Cpus>> = { 'one-cpu': [0, 0], 'two-cpus': [0, 1] };

/** Milliseconds until what was started has warmed up. */
const SETTLED = 500;

/** Starts with this thread bound to the others' CPU, which whatever is started inherits, and binds it to its own afterwards. */
export async function placed<T>([own, others]: Cpus, start: () => Promise<T>): Promise<T> {
  bind(others);
  const started = await start();
  await setTimeout(SETTLED);
  bind(own);
  return started;
}

/** This thread alone. */
function bind(cpu: number): void {
  const { status, error, stderr } = spawnSync('taskset', ['-c', '-p', String(cpu), String(process.pid)]);
  if (status === 0) return;
  throw new Error(
    `cannot bind to CPU ${cpu} with taskset (package util-linux): ${error?.message ?? stderr.toString()}`,
  );
}
