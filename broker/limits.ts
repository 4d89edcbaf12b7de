import { MiB } from '../protocols/units.js';

/**
 * What a sandboxee may use up. Bytes and milliseconds; `Infinity` lifts a limit of time. `memory`, `processes` and `cpus` are
 * held by control groups where they are given here and the host has them (docs/hosts.md); the layers of the sandboxee tell.
 */
export interface Limits {
  /** From `launch()` on. Default: none, since a service lives as long as its broker. */
  readonly wallTime?: number;
  /** User and system time of the whole process tree. Default: none. */
  readonly cpuTime?: number;
  /** Private and shared memory of the whole process tree, swap included, file pages not. Default 512 MiB. */
  readonly memory?: number;
  /** The size of any file that it writes. Default 64 MiB. */
  readonly fileSize?: number;
  /** Open file descriptors of a process. Default 256. */
  readonly openFiles?: number;
  /** Processes and threads. Default 64. */
  readonly processes?: number;
  /** All shared buffers together; what was used counts until the end. It stays mapped, and so counts in `memory` too. Default 64 MiB. */
  readonly sharedMemory?: number;
  /** How many CPUs it may keep busy on average, e.g. 0.5; a host without the cgroup controller for it refuses. Default: all. */
  readonly cpus?: number;
  /** From `launch()` to *go*: a sandboxee that has not entered the gate by then is killed. Default 10 s. */
  readonly gateTime?: number;
}

export type LimitName = keyof Limits;
/** Those that a sandboxee can be found to have hit while it runs; the others end as `timeout` or `setup-error`, or refuse a request. */
export type HeldLimit = 'cpuTime' | 'memory' | 'fileSize' | 'openFiles' | 'processes';
export type ResolvedLimits = Readonly<Record<LimitName, number>>;

/** Which values a limit can have, in its unit. */
export interface LimitRule {
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
  /** As a sentence names it. */
  readonly unit: string;
  readonly mayBeInfinite: boolean;
  readonly mayBeFraction: boolean;
}

/** Node needs 20 open files to start (16: it exits without a word) and 11 threads, some more for a worker. */
export const LIMIT_RULES: Readonly<Record<LimitName, LimitRule>> = {
  wallTime: { fallback: Infinity, least: 1, most: 2 ** 31 - 1, unit: 'ms', mayBeInfinite: true, mayBeFraction: false },
  cpuTime: { fallback: Infinity, least: 1, most: 2 ** 31 - 1, unit: 'ms', mayBeInfinite: true, mayBeFraction: false },
  memory: {
    fallback: 512 * MiB,
    least: 32 * MiB,
    most: 2 ** 46,
    unit: 'bytes',
    mayBeInfinite: false,
    mayBeFraction: false,
  },
  fileSize: { fallback: 64 * MiB, least: 0, most: 2 ** 46, unit: 'bytes', mayBeInfinite: false, mayBeFraction: false },
  openFiles: { fallback: 256, least: 32, most: 2 ** 20, unit: 'files', mayBeInfinite: false, mayBeFraction: false },
  processes: {
    fallback: 64,
    least: 12,
    most: 2 ** 15,
    unit: 'processes and threads',
    mayBeInfinite: false,
    mayBeFraction: false,
  },
  sharedMemory: {
    fallback: 64 * MiB,
    least: 0,
    most: 2 ** 40,
    unit: 'bytes',
    mayBeInfinite: false,
    mayBeFraction: false,
  },
  cpus: { fallback: Infinity, least: 0.01, most: 4096, unit: 'CPUs', mayBeInfinite: true, mayBeFraction: true },
  gateTime: { fallback: 10_000, least: 1, most: 600_000, unit: 'ms', mayBeInfinite: false, mayBeFraction: false },
};
