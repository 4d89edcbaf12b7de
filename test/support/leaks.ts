import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isOwnGroup } from '../../broker/cgroup/names.js';
import { groupFolders, namesIn } from '../../broker/cgroup/sweep.js';

/** What this process holds of the kernel's. Two of them, taken around a piece of work, show what it left behind. */
export interface Holdings {
  /** fd number and what it is. */
  readonly descriptors: readonly string[];
  /** Pids of children of all threads, reaped or not. */
  readonly children: readonly number[];
  readonly mounts: number;
  /** Mapped memfds. */
  readonly sharedMappings: number;
  readonly threads: number;
  /** Control groups of this process's sandboxees. */
  readonly groups: readonly string[];
}

export function holdings(): Holdings {
  return {
    descriptors: readdirSync('/proc/self/fd').flatMap(describeDescriptor),
    children: readdirSync('/proc/self/task').flatMap((tid) => numbers(readText(`/proc/self/task/${tid}/children`))),
    mounts: readText('/proc/self/mountinfo').split('\n').length,
    sharedMappings: readText('/proc/self/maps')
      .split('\n')
      .filter((line) => line.includes('/memfd:')).length,
    threads: readdirSync('/proc/self/task').length,
    groups: groupFolders().flatMap((folder) =>
      namesIn(folder)
        .filter(isOwnGroup)
        .map((name) => `${folder}/${name}`),
    ),
  };
}

/** What `after` has more than `before`, one line each. */
export function leaks(before: Holdings, after: Holdings): string[] {
  const known = new Set(before.descriptors);
  const found = after.descriptors
    .filter((descriptor) => !known.has(descriptor))
    .map((descriptor) => `fd ${descriptor}`);
  for (const pid of after.children) {
    if (!before.children.includes(pid)) found.push(`process ${pid}`);
  }
  for (const group of after.groups) {
    if (!before.groups.includes(group)) found.push(`cgroup ${group}`);
  }
  for (const field of ['mounts', 'sharedMappings', 'threads'] as const) {
    if (after[field] > before[field]) found.push(`${field}: ${before[field]} → ${after[field]}`);
  }
  return found;
}

/**
 * The same, for work whose last handles are closed by the event loop's next rounds: asks again until nothing is left, for
 * at most `patience` ms.
 */
export async function lastingLeaks(before: Holdings, patience = 3000): Promise<string[]> {
  const end = Date.now() + patience;
  for (;;) {
    const found = leaks(before, holdings());
    if (found.length === 0 || Date.now() > end) return found;
    await delay(20);
  }
}

/** Without the directory that is being read. */
function describeDescriptor(fd: string): string[] {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    return target.endsWith('/fd') && target.startsWith('/proc/') ? [] : [`${fd} → ${target}`];
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function numbers(text: string): number[] {
  return text.split(' ').filter(Boolean).map(Number).filter(Number.isFinite);
}
