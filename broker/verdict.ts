import type { SandboxeeGroup } from './cgroup/group.js';
import { endedByItself, explainEnding } from './ending.js';
import type { ResolvedLimits } from './limits.js';
import type { ProcessEnd } from './process/launched.js';
import type { Sample } from './process/sampler.js';
import type { Reports } from './reports.js';
import type { Ending, ResourceUsage, SyscallOffence, Violation } from './result.js';
import { fromEarlyEnd, fromStepFailure } from './setup-errors.js';
import { noStack, type ThreadStack } from './stacks/stack.js';

/** What is known when everything has ended. */
export interface EndEvidence {
  readonly usage: ResourceUsage;
  readonly limits: ResolvedLimits;
  readonly group: SandboxeeGroup | undefined;
  /** The most that the sampler saw, if there was one. */
  readonly peak: Sample | undefined;
  /** It got as far as *go*. */
  readonly gone: boolean;
  /** The end of it, escaped. */
  readonly stderr: string;
}

/** Why one sandboxee ends. The first cause counts. */
export class Verdict {
  readonly #reports: Reports;
  #cause: Ending | undefined;
  #told: Promise<void> = Promise.resolve();

  constructor(reports: Reports) {
    this.#reports = reports;
  }

  get isSettled(): boolean {
    return this.#cause !== undefined;
  }

  settle(cause: Ending): void {
    this.#cause ??= cause;
  }

  violated(violation: Violation): void {
    if (this.#cause !== undefined) return;
    this.#cause = { status: 'violation', ...violation };
    this.#reports.violated(violation);
  }

  /** The cause is known at once; the stack, and with it the event, comes a moment later. */
  offended(offence: SyscallOffence, stack: Promise<ThreadStack>): void {
    this.#cause = {
      status: 'violation',
      ...offence,
      stack: noStack(offence.syscall.thread, 'it has not been taken yet'),
    };
    this.#told = stack.then((taken) => {
      const violation = { ...offence, stack: taken };
      this.#cause = { status: 'violation', ...violation };
      this.#reports.violated(violation);
    });
  }

  /** Everything is known and told. Never rejects. */
  get told(): Promise<void> {
    return this.#told;
  }

  /** The first cause; where there is none, or a kill came too late, what the end itself says. */
  ending(end: ProcessEnd, evidence: EndEvidence): Ending {
    if (this.#cause === undefined || (this.#cause.status === 'killed' && endedByItself(end)))
      return explain(end, evidence);
    return this.#cause;
  }
}

function explain({ status, failure }: ProcessEnd, evidence: EndEvidence): Ending {
  if (failure) return fromStepFailure(failure);
  const { usage, limits, group, peak, gone, stderr } = evidence;
  const excess = group?.excess();
  if (excess) return { status: 'limit', ...excess };
  const ending = status && peak ? explainEnding({ status, usage, limits, peak }) : undefined;
  if (ending?.status === 'limit') return ending;
  if (!gone) return fromEarlyEnd(status, stderr);
  return ending ?? { status: 'internal-error', message: 'the launcher ended without a word about its sandboxee' };
}
