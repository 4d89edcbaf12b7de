import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { until } from './until.js';

/** Looks at processes from outside, in the numbers of this /proc. */

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

export function statusField(pid: number | string, name: string): string {
  return new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(textOf(`/proc/${pid}/status`))?.[1] ?? '';
}

/** Runs, or could; a zombie does neither. */
export function isAlive(pid: number): boolean {
  const state = statusField(pid, 'State');
  return state !== '' && !state.startsWith('Z') && !state.startsWith('X');
}

export async function untilGone(pids: readonly number[]): Promise<void> {
  await until(() => !pids.some(isAlive), `of the processes ${pids.join(', ')} none is left`);
}

/** pid 1 of the sandboxee's namespace, and all that is below it. */
export function treeOf(sandboxeePid: number): number[] {
  const launcher = Number(statusField(sandboxeePid, 'PPid'));
  const parents = new Map(allPids().map((pid) => [pid, Number(statusField(pid, 'PPid'))]));
  const tree = [launcher];
  for (const parent of tree) tree.push(...[...parents].filter(([, ppid]) => ppid === parent).map(([pid]) => pid));
  return tree;
}

function allPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** What `/proc/PID/fd` says of each. */
export function openFiles(pid: number | 'self'): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

/** Whether its main thread is inside that syscall at this moment. Root's to know. */
export function isInSyscall(pid: number, number: number): boolean {
  return textOf(`/proc/${pid}/syscall`).startsWith(`${number} `);
}
