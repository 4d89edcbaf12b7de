import { readFileSync } from 'node:fs';
import { MiB } from '../protocols/units.js';
import type { ResolvedLimits } from './limits.js';
import type { RlimitName } from './plan/kernel-constants.js';

/**
 * What the private writable mappings of Node come to before the program allocates anything, by major version, in bytes;
 * RLIMIT_DATA counts them though nearly none is ever touched. From 24 on V8 maps its whole 512 MiB code range writable,
 * once for each isolate. Measured by bisection on x86-64 (79, 79, 575, 575 MiB), with room for what real programs map.
 */
const DATA_BASE: readonly { readonly major: number; readonly base: number; readonly worker: number }[] = [
  { major: 24, base: 640 * MiB, worker: 544 * MiB },
  { major: 0, base: 112 * MiB, worker: 80 * MiB },
];

/** What runtimes of any kind map beforehand without touching it (Node 24: 640 MiB); RLIMIT_DATA is the sampler's second belt. */
const PROGRAM_BASE = 1024 * MiB;

/** RLIMIT_DATA lets a hog pass `memory` by this much, so that the sampler sees it above the limit and names it. */
const DATA_HEADROOM = 64 * MiB;

export interface Rlimit {
  readonly resource: RlimitName;
  readonly soft: number;
  readonly hard: number;
}

export function nodeRlimits(limits: ResolvedLimits, nodeMajor: number, workerThreads: number): Rlimit[] {
  const room = DATA_BASE.find((entry) => nodeMajor >= entry.major) ?? { base: 0, worker: 0 };
  return rlimitsOf(limits, room.base + room.worker * workerThreads);
}

export function programRlimits(limits: ResolvedLimits): Rlimit[] {
  return rlimitsOf(limits, PROGRAM_BASE);
}

/**
 * The kernel's half of the limits. `openFiles` and `processes` are set one above what was asked (and one more for the
 * launcher), so that a sandboxee that goes beyond is seen there by the sampler and named, and can go no further.
 * RLIMIT_CORE is 1, not 0: 0 does not stop a core pattern that is a pipe.
 */
function rlimitsOf(limits: ResolvedLimits, dataBase: number): Rlimit[] {
  const rlimits: Rlimit[] = [
    equal('core', 1),
    equal('msgqueue', 0),
    equal('fsize', limits.fileSize),
    equal('nofile', openFilesLimit(limits)),
    equal('nproc', limits.processes + 2),
    equal('data', limits.memory + dataBase + DATA_HEADROOM),
  ];
  if (limits.cpuTime !== Infinity) {
    const seconds = Math.ceil(limits.cpuTime / 1000);
    rlimits.push({ resource: 'cpu', soft: seconds, hard: seconds + 1 });
  }
  return rlimits;
}

/**
 * The same where a cgroup holds the processes: RLIMIT_NPROC, which counts a fork earlier in its course, is the second belt
 * and gives way by as much as can be under way at once. Otherwise it would now and then refuse what the group never saw.
 */
export function behindGroup(rlimits: readonly Rlimit[]): readonly Rlimit[] {
  return rlimits.map((rlimit) => (rlimit.resource === 'nproc' ? equal('nproc', 2 * rlimit.hard) : rlimit));
}

/** What the user may start besides, without the sandboxee's clones failing for it. */
const ROOM_FOR_OTHERS = 1024;

/**
 * Without a user namespace RLIMIT_NPROC counts everything that the user runs, so that it bounds a flood and no more; the
 * sampler holds the limit. Never above what the broker itself has.
 */
export function withUsersTasks(rlimits: readonly Rlimit[]): Rlimit[] {
  const tasks = Number(/\/(\d+)/.exec(readFileSync('/proc/loadavg', 'latin1'))?.[1]);
  const hard = /^Max processes\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  const most = hard === 'unlimited' ? Infinity : Number(hard);
  return rlimits.map((rlimit) => {
    if (rlimit.resource !== 'nproc') return rlimit;
    return equal('nproc', Math.min(most, tasks + rlimit.soft + ROOM_FOR_OTHERS));
  });
}

/** One above, so that the sampler sees who goes beyond. */
export function openFilesLimit({ openFiles }: ResolvedLimits): number {
  return openFiles + 1;
}

function equal(resource: Rlimit['resource'], value: number): Rlimit {
  return { resource, soft: value, hard: value };
}
