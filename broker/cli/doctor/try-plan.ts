import { closeSync, openSync, writeSync } from 'node:fs';
import * as native from '../../../native/broker.js';
import { launcherPath } from '../../../native/locate.js';
import { hintFor } from '../../hints.js';
import { errnoName } from '../../kernel-names.js';
import { encodePlan } from '../../plan/encode.js';
import { OPERATIONS, type OperationName } from '../../plan/ops.js';
import type { Step } from '../../plan/steps.js';
import { LaunchedProcess } from '../../process/launched.js';

/** What became of a plan that ends without a program to run. */
export type Trial =
  | { readonly works: true }
  | { readonly works: false; readonly problem: string; readonly mend: string };

/** Has the launcher carry the steps out, in a process that then ends: nothing on the host changes by it. */
export async function tryPlan(steps: readonly Step[]): Promise<Trial> {
  const last = { index: steps.length - 1 };
  const { failure } = await launcherOn(encodePlan(steps));
  if (failure === undefined) return { works: false, problem: 'the launcher ended without a word', mend: '' };
  const op = operationOf(failure.op);
  if (failure.index === last.index && failure.detail.startsWith('the plan ends')) return { works: true };
  const errno = failure.errno === 0 ? '' : errnoName(failure.errno);
  return { works: false, problem: `${op ?? 'plan'}: ${failure.detail} (${errno})`, mend: op ? hintFor(op, errno) : '' };
}

async function launcherOn(plan: Uint8Array): ReturnType<typeof endOf> {
  const none = openSync('/dev/null', 'r');
  const [life, theirs] = native.socketpair();
  const [mine, comms] = native.socketpair();
  const memory = native.createMemory('sallyport-plan', plan.length, { executable: false });
  try {
    writeSync(memory, plan, 0, plan.length, 0);
    const fds = {
      stdin: none,
      stdout: none,
      stderr: none,
      comms,
      life: theirs,
      plan: memory,
      cgroups: [],
      declared: [],
    };
    const launched = new LaunchedProcess(launcherPath(), fds, life, 'full');
    closeSync(theirs);
    return await endOf(launched);
  } finally {
    for (const fd of [none, mine, comms, memory]) closeSync(fd);
  }
}

function endOf(launched: LaunchedProcess): LaunchedProcess['ended'] {
  return launched.ended;
}

function operationOf(number: number): OperationName | undefined {
  const names = Object.keys(OPERATIONS) as OperationName[];
  return names.find((name) => OPERATIONS[name].op === number);
}
