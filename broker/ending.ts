import { constants } from 'node:os';
import type { ExitStatus } from '../native/broker.js';
import { signalName } from './kernel-names.js';
import type { ResolvedLimits } from './limits.js';
import type { ProcessEnd } from './process/launched.js';
import type { Sample } from './process/sampler.js';
import type { Ending, ResourceUsage } from './result.js';

/** What is known about a sandboxee that ended without the broker's doing. */
export interface Evidence {
  readonly status: ExitStatus;
  readonly usage: ResourceUsage;
  readonly limits: ResolvedLimits;
  /** The most that the sampler saw. */
  readonly peak: Sample;
}

/** Whether the launcher could still tell how: a kill came too late. */
export function endedByItself({ status }: ProcessEnd): boolean {
  return status !== undefined && !(status.kind === 'signaled' && status.signal === constants.signals.SIGKILL);
}

/**
 * Names the ending that a wait status alone would leave unnamed: a limit that the kernel holds shows itself as a signal
 * (SIGXFSZ, SIGXCPU), or as a refused allocation, thread or file after which the program gave up by itself.
 */
export function explainEnding({ status, usage, limits, peak }: Evidence): Ending {
  if (status.kind === 'exited' && status.code === 0) return { status: 'ok', exitCode: 0 };
  if (status.kind === 'signaled') {
    const name = signalName(status.signal);
    if (name === 'SIGXFSZ')
      return { status: 'limit', which: 'fileSize', asked: limits.fileSize, used: limits.fileSize };
    const cpuTime = usage.userTime + usage.systemTime;
    if (name === 'SIGXCPU' || (name === 'SIGKILL' && cpuTime > limits.cpuTime)) {
      // The kernel sends SIGXCPU by a count of its own, which can be a tick ahead of what it reports as used.
      return { status: 'limit', which: 'cpuTime', asked: limits.cpuTime, used: Math.max(cpuTime, limits.cpuTime) };
    }
  }
  return exhausted(usage, limits, peak) ?? plain(status);
}

/** A program that was refused more than its limit, and ended abnormally: its peak tells which limit it was. */
function exhausted(usage: ResourceUsage, limits: ResolvedLimits, peak: Sample): Ending | undefined {
  const used = { ...peak, memory: Math.max(peak.memory, usage.maxRss - peak.filePages) };
  for (const which of ['memory', 'processes', 'openFiles'] as const) {
    if (used[which] > limits[which]) return { status: 'limit', which, asked: limits[which], used: used[which] };
  }
  return undefined;
}

function plain(status: ExitStatus): Ending {
  return status.kind === 'exited'
    ? { status: 'ok', exitCode: status.code }
    : { status: 'signaled', signal: signalName(status.signal), core: status.core };
}

/** In the words of a result. */
export function usageOf({ usage }: ProcessEnd): ResourceUsage {
  const { userMs, systemMs, maxRssBytes, ...counts } = usage;
  return { userTime: userMs, systemTime: systemMs, maxRss: maxRssBytes, ...counts };
}
