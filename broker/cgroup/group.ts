import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { kernelFeatures } from '../kernel.js';
import type { Excess } from '../process/sampler.js';
import { type Controller, counterOf, settingsOf, unthrottled, type Version } from './controllers.js';
import { applySetting, readIfThere, readOpen, removeGroup, writeGroupFile } from './files.js';
import { newGroupName } from './names.js';
import { cgroupFindings, type Place } from './places.js';

/** What control groups hold, or are to: bytes, processes and threads, CPUs. */
export type Held = Readonly<Partial<Record<Controller, number>>>;

/** How soon again, and how often, a group is removed in which the kernel still sees a process that is gone. Milliseconds. */
const REMOVE_AGAIN = 20;
const REMOVALS = 50;
/** The kernel charges in batches, and gives up before the last of the bytes is used. */
const NEARLY = 1024 * 1024;

/**
 * The control groups of one sandboxee, one in each tree that controls something of it. They are made before the launcher,
 * which is born in that of version 2 where the kernel can do that, joins the others as its first step, and removed when
 * everything in them is gone.
 */
export class SandboxeeGroup implements Disposable {
  readonly #name = newGroupName();
  readonly #folders = new Map<string, Version>();
  readonly #controlled = new Map<Controller, { readonly group: string; readonly version: Version }>();
  readonly #limits: Held;
  /** Open, since they are read at each look of the sampler. */
  readonly #events = new Map<'memory' | 'pids', number>();
  #killer: string | undefined;

  /** @throws what the kernel says where a limit is refused */
  constructor(limits: Held) {
    this.#limits = limits;
    const findings = cgroupFindings();
    try {
      for (const controller of ['memory', 'pids', 'cpu'] as const) {
        const limit = limits[controller];
        if (limit === undefined) continue;
        const finding = findings[controller];
        if (finding.state === 'off') continue;
        const group = this.#make(finding.place);
        const { version } = finding.place;
        for (const setting of settingsOf(controller, version, limit)) applySetting(group, setting);
        this.#controlled.set(controller, { group, version });
        if (controller !== 'cpu') this.#events.set(controller, openEvents(group, controller, version));
      }
      // In a tree a process is in one group: where one of version 2 holds a limit already, it is the one to kill.
      if (findings.kill.state === 'on') this.#killer = this.#unified ?? this.#make(findings.kill.place);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** How many groups a process has to join, beside the one in which it is born. */
  get size(): number {
    return this.#joined.length;
  }

  holds(controller: Controller): boolean {
    return this.#controlled.has(controller);
  }

  /** Its folder, for `native.spawn()`; undefined where a process cannot be born in a group. The caller's to close. */
  openBirthplace(): number | undefined {
    const group = this.#birthplace;
    return group === undefined ? undefined : openSync(group, constants.O_RDONLY | constants.O_DIRECTORY);
  }

  /**
   * Whoever writes `0` to one of these is a member, if it has one thread. The caller's to close.
   *
   * A whole process is moved after a grace period of the kernel's RCU, 8 to 15 ms; a thread that moves itself, at once.
   * Version 1 has a file for threads.
   */
  openMembers(): number[] {
    const opened: number[] = [];
    try {
      for (const [group, version] of this.#joined) {
        opened.push(openSync(join(group, version === 1 ? 'tasks' : 'cgroup.procs'), constants.O_WRONLY));
      }
      return opened;
    } catch (error) {
      for (const fd of opened) closeSync(fd);
      throw error;
    }
  }

  /** A limit that the kernel has refused to go beyond, by its own count: also of what has ended since. */
  excess(): Excess | undefined {
    return this.#memoryExcess() ?? this.#processExcess();
  }

  /** Whether the kernel can kill every member at one stroke. */
  get killsAtOnce(): boolean {
    return this.#killer !== undefined;
  }

  /**
   * Kills every member where the kernel can do that at one stroke, and lets those that are throttled die at full speed.
   * Never throws: it is the second belt of a kill by pidfd.
   */
  kill(): void {
    const cpu = this.#controlled.get('cpu');
    try {
      if (cpu) applySetting(cpu.group, unthrottled(cpu.version));
    } catch {}
    try {
      if (this.#killer !== undefined) writeGroupFile(this.#killer, 'cgroup.kill', '1');
    } catch {}
  }

  get #unified(): string | undefined {
    return [...this.#folders].find(([, version]) => version === 2)?.[0];
  }

  get #birthplace(): string | undefined {
    return kernelFeatures().cloneIntoGroup ? this.#unified : undefined;
  }

  get #joined(): (readonly [group: string, version: Version])[] {
    const birthplace = this.#birthplace;
    return [...this.#folders].filter(([group]) => group !== birthplace);
  }

  #make({ folder, version }: Place): string {
    const group = join(folder, this.#name);
    if (this.#folders.has(group)) return group;
    mkdirSync(group);
    this.#folders.set(group, version);
    return group;
  }

  /** A kill by the kernel because the whole machine ran out of memory is counted too, but then this limit was not reached. */
  #memoryExcess(): Excess | undefined {
    const fd = this.#events.get('memory');
    const place = this.#controlled.get('memory');
    const asked = this.#limits.memory;
    if (fd === undefined || place === undefined || asked === undefined) return undefined;
    const events = readOpen(fd);
    if (counterOf(events, 'oom_kill') === 0) return undefined;
    const { group, version } = place;
    const peak = peakOf(group, version);
    // Version 1 counts no refusals in `failcnt` on every kernel (6.18: 0 after a kill), but has the peak.
    const reached = version === 2 ? counterOf(events, 'oom') > 0 : peak === undefined || peak > asked - NEARLY;
    return reached ? { which: 'memory', asked, used: Math.max(asked, peak ?? asked) } : undefined;
  }

  #processExcess(): Excess | undefined {
    const fd = this.#events.get('pids');
    const asked = this.#limits.pids;
    if (fd === undefined || asked === undefined || counterOf(readOpen(fd), 'max') === 0) return undefined;
    return { which: 'processes', asked, used: asked + 1 };
  }

  [Symbol.dispose](): void {
    for (const fd of this.#events.values()) closeSync(fd);
    this.#events.clear();
    for (const group of this.#folders.keys()) remove(group, REMOVALS);
    this.#folders.clear();
    this.#controlled.clear();
    this.#killer = undefined;
  }
}

/**
 * Bytes, swap included where the kernel counts it so. Undefined where it could not be read: version 2 tells none before 5.19,
 * and the broker can be out of fds.
 */
function peakOf(group: string, version: Version): number | undefined {
  const files = version === 2 ? ['memory.peak'] : ['memory.max_usage_in_bytes', 'memory.memsw.max_usage_in_bytes'];
  try {
    return Math.max(...files.map((file) => Number(readIfThere(group, file))));
  } catch {
    return undefined;
  }
}

function openEvents(group: string, controller: 'memory' | 'pids', version: Version): number {
  if (controller === 'pids') return openSync(join(group, 'pids.events'), 'r');
  return openSync(join(group, version === 2 ? 'memory.events' : 'memory.oom_control'), 'r');
}

/** What cannot be removed for another reason than a process in it is left to the sweep of the next broker. */
function remove(group: string, attempts: number): void {
  try {
    if (removeGroup(group) || attempts === 0) return;
  } catch {
    return;
  }
  setTimeout(() => remove(group, attempts - 1), REMOVE_AGAIN).unref();
}
