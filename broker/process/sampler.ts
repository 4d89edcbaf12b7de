import type { HeldLimit, ResolvedLimits } from '../limits.js';
import { isGone, ProcessView } from './process-view.js';

/** What a sandboxee is seen to use, summed over its process tree. Bytes, milliseconds, counts. */
export interface Sample {
  readonly memory: number;
  /** Resident pages of files: the kernel's own peak (ru_maxrss) includes them, the limit does not. */
  readonly filePages: number;
  readonly cpuTime: number;
  readonly processes: number;
  readonly openFiles: number;
}

export interface Excess {
  readonly which: HeldLimit;
  readonly asked: number;
  readonly used: number;
}

/** How often the tree is looked at. A hog that fills memory at 2 GiB/s passes its limit by 100 MiB in this time. */
export const SAMPLE_INTERVAL = 50;
/** How often new processes are looked for; a policy that allows none after the gate pays next to nothing for it. */
const WALK_EVERY = 10;

const NOTHING: Sample = { memory: 0, filePages: 0, cpuTime: 0, processes: 0, openFiles: 0 };

/**
 * Holds the limits that the kernel cannot hold for an ordinary user without cgroups: looks at the tree at an interval and
 * says once what was exceeded. The peaks serve to name a limit when the sandboxee ended by itself because of it.
 */
export class Sampler implements Disposable {
  readonly #timer: NodeJS.Timeout;
  readonly #others = new Map<number, ProcessView>();
  #rounds = 0;
  #peak = NOTHING;

  constructor(
    /** Pid 1 of the sandboxee's namespace: orphans become its children. */
    private readonly launcher: ProcessView,
    private readonly sandboxee: ProcessView,
    private readonly limits: ResolvedLimits,
    /** The kernel's own count of what was refused, where it has one. */
    private readonly counted: { excess(): Excess | undefined } | undefined,
    private readonly onExcess: (excess: Excess) => void,
    /** The tree could not be looked at: whoever cannot be watched must not go on. */
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.#timer = setInterval(() => this.#look(), SAMPLE_INTERVAL).unref();
  }

  get peak(): Sample {
    return this.#peak;
  }

  #look(): void {
    let sample: Sample;
    let excess: Excess | undefined;
    try {
      sample = this.#take();
      excess = this.counted?.excess();
    } catch (error) {
      if (isGone(error)) return;
      this[Symbol.dispose]();
      this.onFailure(error);
      return;
    }
    this.#peak = maximum(this.#peak, sample);
    excess ??= findExcess(sample, this.limits);
    if (!excess) return;
    this[Symbol.dispose]();
    this.onExcess(excess);
  }

  #take(): Sample {
    this.#rounds += 1;
    if (this.#rounds % WALK_EVERY === 0) this.#walk();
    const living = [this.sandboxee, ...this.#others.values()].map((view) => this.#measure(view)).reduce(sum);
    // What pid 1 has reaped: orphans that were gone before they were seen.
    const reaped = this.limits.cpuTime === Infinity ? 0 : this.launcher.cpuTime();
    return { ...living, cpuTime: living.cpuTime + reaped };
  }

  #measure(view: ProcessView): Sample {
    const status = view.livingStatus();
    return {
      memory: status.memory,
      filePages: status.filePages,
      cpuTime: this.limits.cpuTime === Infinity ? 0 : view.cpuTime(),
      processes: status.threads,
      openFiles: view.countDescriptors(),
    };
  }

  #walk(): void {
    for (const view of this.#others.values()) view[Symbol.dispose]();
    this.#others.clear();
    const pending = [...this.launcher.children(), ...this.sandboxee.children()];
    for (
      let pid = pending.pop();
      pid !== undefined && this.#others.size <= this.limits.processes;
      pid = pending.pop()
    ) {
      if (pid === this.sandboxee.pid || this.#others.has(pid)) continue;
      try {
        const view = new ProcessView(pid);
        this.#others.set(pid, view);
        pending.push(...view.children());
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const view of this.#others.values()) view[Symbol.dispose]();
    this.#others.clear();
  }
}

function findExcess(sample: Sample, limits: ResolvedLimits): Excess | undefined {
  for (const which of ['memory', 'cpuTime', 'processes', 'openFiles'] as const) {
    if (sample[which] > limits[which]) return { which, asked: limits[which], used: sample[which] };
  }
  return undefined;
}

function sum(a: Sample, b: Sample): Sample {
  return {
    memory: a.memory + b.memory,
    filePages: a.filePages + b.filePages,
    cpuTime: a.cpuTime + b.cpuTime,
    processes: a.processes + b.processes,
    openFiles: Math.max(a.openFiles, b.openFiles),
  };
}

function maximum(a: Sample, b: Sample): Sample {
  return {
    memory: Math.max(a.memory, b.memory),
    filePages: Math.max(a.filePages, b.filePages),
    cpuTime: Math.max(a.cpuTime, b.cpuTime),
    processes: Math.max(a.processes, b.processes),
    openFiles: Math.max(a.openFiles, b.openFiles),
  };
}
