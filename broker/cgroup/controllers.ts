/** What each controller is told, in the files of either version of control groups. */

export const CONTROLLERS = ['memory', 'pids', 'cpu'] as const;
/** As the kernel names them. */
export type Controller = (typeof CONTROLLERS)[number];
export type Version = 1 | 2;

/** One file of a group, and what is written to it. */
export interface Setting {
  readonly file: string;
  readonly value: string;
  /** Whether the kernel can have been built or booted without it, and the limit then still holds. */
  readonly optional: boolean;
}

/** The kernel rounds down to pages, which have 4 to 64 KiB: rounded here, what is read back is what was written. */
const PAGES = 64 * 1024;
/** Of the CPU quota: the kernel's own default. Microseconds. */
const PERIOD = 100_000;
/** The launcher, which watches over the sandboxee from within the group. */
const LAUNCHERS = 1;

/**
 * @param limit bytes; processes and threads; or CPUs
 */
export function settingsOf(controller: Controller, version: Version, limit: number): readonly Setting[] {
  switch (controller) {
    case 'memory':
      return memorySettings(version, String(limit - (limit % PAGES)));
    case 'pids':
      return [required('pids.max', limit + LAUNCHERS)];
    case 'cpu':
      return cpuSettings(version, Math.round(limit * PERIOD));
  }
}

/**
 * Without swap, since what is swapped out would be unbounded. In version 2 the kernel kills the whole group, which otherwise
 * would be left without the one process that it chose; of version 1 the sampler does that.
 */
function memorySettings(version: Version, bytes: string): readonly Setting[] {
  if (version === 2) {
    return [required('memory.max', bytes), optional('memory.swap.max', 0), required('memory.oom.group', 1)];
  }
  return [required('memory.limit_in_bytes', bytes), optional('memory.memsw.limit_in_bytes', bytes)];
}

function cpuSettings(version: Version, quota: number): readonly Setting[] {
  if (version === 2) return [required('cpu.max', `${quota} ${PERIOD}`)];
  return [required('cpu.cfs_period_us', PERIOD), required('cpu.cfs_quota_us', quota)];
}

/** What lets a throttled group die at full speed. */
export function unthrottled(version: Version): Setting {
  return version === 2 ? required('cpu.max', `max ${PERIOD}`) : required('cpu.cfs_quota_us', -1);
}

function required(file: string, value: string | number): Setting {
  return { file, value: String(value), optional: false };
}

function optional(file: string, value: string | number): Setting {
  return { file, value: String(value), optional: true };
}

/** The number after a word, as in `oom_kill 1`; 0 where there is none. */
export function counterOf(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}
