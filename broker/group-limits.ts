import { CONTROLLERS, type Controller } from './cgroup/controllers.js';
import { type Held, SandboxeeGroup } from './cgroup/group.js';
import { cgroupFindings } from './cgroup/places.js';
import { OptionError } from './errors.js';
import { type Layer, off, on } from './layers.js';
import type { Limits, ResolvedLimits } from './limits.js';
import { SAMPLE_INTERVAL } from './process/sampler.js';

/** What holds memory, processes and CPUs. */
export interface LimitControl {
  /** The caller's. Undefined where no group holds anything. */
  readonly group: SandboxeeGroup | undefined;
  readonly layers: readonly Layer[];
}

/**
 * Gives the limits that were asked for to control groups, where the host has them; the defaults stay with rlimits and the
 * sampler, since to make and remove groups takes its time, and where no process can be born in one, joining 10 ms more.
 *
 * @throws OptionError for `cpus` where there is no controller for it: nothing else can hold that
 */
export function controlLimits(asked: Limits | undefined, limits: ResolvedLimits): LimitControl {
  const wanted = wantedOf(asked ?? {});
  const held = holdable(wanted);
  if (wanted.cpu !== undefined && held.cpu === undefined) {
    throw new OptionError('limits.cpus', `no cgroup can hold it: ${reasonOf('cpu')}; see docs/hosts.md`);
  }
  const layers = [memoryLayer(wanted, held, limits), processLayer(wanted, held, limits), cpuLayer(held, limits)];
  return { group: Object.keys(held).length === 0 ? undefined : makeGroup(held), layers };
}

function wantedOf({ memory, processes, cpus }: Limits): Held {
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(processes === undefined ? {} : { pids: processes }),
    ...(cpus === undefined || cpus === Infinity ? {} : { cpu: cpus }),
  };
}

function holdable(wanted: Held): Held {
  const held: Partial<Record<Controller, number>> = {};
  for (const controller of CONTROLLERS) {
    const limit = wanted[controller];
    if (limit !== undefined && cgroupFindings()[controller].state === 'on') held[controller] = limit;
  }
  return held;
}

function makeGroup(held: Held): SandboxeeGroup {
  try {
    return new SandboxeeGroup(held);
  } catch (error) {
    throw new OptionError('limits', `the control groups of the sandboxee could not be made: ${String(error)}`);
  }
}

function memoryLayer(wanted: Held, held: Held, { memory }: ResolvedLimits): Layer {
  const look = `a look every ${SAMPLE_INTERVAL} ms`;
  if (held.memory !== undefined) return on('memory-limit', `${memory} bytes, ${hard('memory')}, and ${look}`);
  const fallback = `${memory} bytes, by ${look}, behind it RLIMIT_DATA; a fast hog overshoots by what it fills meanwhile`;
  return on('memory-limit', `${fallback}; ${whyNoGroup('memory', 'memory', wanted)}`);
}

function processLayer(wanted: Held, held: Held, { processes }: ResolvedLimits): Layer {
  const count = `${processes} processes and threads`;
  if (held.pids !== undefined) return on('process-limit', `${count}, ${hard('pids')}`);
  const fallback = `${count}, by RLIMIT_NPROC and a look every ${SAMPLE_INTERVAL} ms`;
  return on('process-limit', `${fallback}; ${whyNoGroup('pids', 'processes', wanted)}`);
}

function cpuLayer(held: Held, { cpus }: ResolvedLimits): Layer {
  return held.cpu === undefined
    ? off('cpu-limit', 'limits.cpus was not given')
    : on('cpu-limit', `${cpus} CPUs, ${hard('cpu')}`);
}

function hard(controller: Controller): string {
  const finding = cgroupFindings()[controller];
  if (finding.state === 'off') return finding.reason;
  const swap = finding.missing.length === 0 ? '' : ` (without ${finding.missing.join()}: swap is not bounded)`;
  return `held by cgroup v${finding.place.version}${swap}`;
}

function whyNoGroup(controller: Controller, limit: keyof Limits, wanted: Held): string {
  if (wanted[controller] === undefined) return `no cgroup, which limits.${limit} would ask for`;
  return `no cgroup: ${reasonOf(controller)}`;
}

function reasonOf(controller: Controller): string {
  const finding = cgroupFindings()[controller];
  return finding.state === 'off' ? finding.reason : '';
}
