import { OptionError } from './errors.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/** What a sandboxee may use up. Bytes and milliseconds; `Infinity` lifts a limit of time. */
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
  /** All shared buffers together. Default 64 MiB. */
  readonly sharedMemory?: number;
  /** From `launch()` to *go*: a sandboxee that has not entered the gate by then is killed. Default 10 s. */
  readonly gateTime?: number;
}

export type LimitName = keyof Limits;
export type ResolvedLimits = Readonly<Record<LimitName, number>>;

interface LimitRule {
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
  readonly unit: string;
  readonly mayBeInfinite: boolean;
}

/** Node needs 20 open files to start (16: it exits without a word) and 11 threads, some more for a worker. */
const RULES: Readonly<Record<LimitName, LimitRule>> = {
  wallTime: { fallback: Infinity, least: 1, most: 2 ** 31 - 1, unit: 'ms', mayBeInfinite: true },
  cpuTime: { fallback: Infinity, least: 1, most: 2 ** 31 - 1, unit: 'ms', mayBeInfinite: true },
  memory: { fallback: 512 * MiB, least: 32 * MiB, most: 2 ** 46, unit: 'bytes', mayBeInfinite: false },
  fileSize: { fallback: 64 * MiB, least: 0, most: 2 ** 46, unit: 'bytes', mayBeInfinite: false },
  openFiles: { fallback: 256, least: 32, most: 2 ** 20, unit: 'files', mayBeInfinite: false },
  processes: { fallback: 64, least: 12, most: 2 ** 15, unit: 'processes and threads', mayBeInfinite: false },
  sharedMemory: { fallback: 64 * MiB, least: 0, most: 2 ** 40, unit: 'bytes', mayBeInfinite: false },
  gateTime: { fallback: 10_000, least: 1, most: 600_000, unit: 'ms', mayBeInfinite: false },
};

const NAMES = Object.keys(RULES) as readonly LimitName[];

/** Fills in the defaults. Throws an `OptionError` for an unknown name, a non-integer or a value out of range. */
export function resolveLimits(limits: Limits = {}): ResolvedLimits {
  for (const name of Object.keys(limits)) {
    if (!Object.hasOwn(RULES, name)) {
      throw new OptionError(`limits.${name}`, `no such limit; there are ${NAMES.join(', ')}`);
    }
  }
  const entries = NAMES.map((name) => [name, checked(name, limits[name])] as const);
  return Object.fromEntries(entries) as Record<LimitName, number>;
}

function checked(name: LimitName, value: number | undefined): number {
  const rule = RULES[name];
  if (value === undefined) return rule.fallback;
  if (value === Infinity && rule.mayBeInfinite) return value;
  if (!Number.isSafeInteger(value) || value < rule.least || value > rule.most) {
    throw new OptionError(
      `limits.${name}`,
      `${String(value)} is not a whole number of ${rule.unit} from ${rule.least} to ${rule.most}`,
    );
  }
  return value;
}

/**
 * What the private writable mappings of Node come to before the program allocates anything, by major version, in bytes;
 * RLIMIT_DATA counts them though nearly none is ever touched. From 24 on V8 maps its whole 512 MiB code range writable,
 * once for each isolate. Measured by bisection on x86-64 (79, 79, 575, 575 MiB), with room for what real programs map.
 */
const DATA_BASE: readonly { readonly major: number; readonly base: number; readonly worker: number }[] = [
  { major: 24, base: 640 * MiB, worker: 544 * MiB },
  { major: 0, base: 112 * MiB, worker: 80 * MiB },
];

/** RLIMIT_DATA lets a hog pass `memory` by this much, so that the sampler sees it above the limit and names it. */
const DATA_HEADROOM = 64 * MiB;

export interface Rlimit {
  readonly resource: 'cpu' | 'fsize' | 'data' | 'core' | 'nofile' | 'nproc' | 'msgqueue';
  readonly soft: number;
  readonly hard: number;
}

/**
 * The kernel's half of the limits. `openFiles` and `processes` are set one above what was asked (and one more for the
 * launcher), so that a sandboxee that goes beyond is seen there by the sampler and named, and can go no further.
 * RLIMIT_CORE is 1, not 0: 0 does not stop a core pattern that is a pipe.
 */
export function rlimitsOf(limits: ResolvedLimits, nodeMajor: number, workerThreads: number): Rlimit[] {
  const room = DATA_BASE.find((entry) => nodeMajor >= entry.major) ?? { base: 0, worker: 0 };
  const data = limits.memory + room.base + room.worker * workerThreads + DATA_HEADROOM;
  const rlimits: Rlimit[] = [
    equal('core', 1),
    equal('msgqueue', 0),
    equal('fsize', limits.fileSize),
    equal('nofile', limits.openFiles + 1),
    equal('nproc', limits.processes + 2),
    equal('data', data),
  ];
  if (limits.cpuTime !== Infinity) {
    const seconds = Math.ceil(limits.cpuTime / 1000);
    rlimits.push({ resource: 'cpu', soft: seconds, hard: seconds + 1 });
  }
  return rlimits;
}

function equal(resource: Rlimit['resource'], value: number): Rlimit {
  return { resource, soft: value, hard: value };
}
