/** The plan of the tier base: no namespaces and no mounts, only what a process can give up by itself. */
import { SCOPES_FROM } from '../policy/index.js';
import type { BaseFile } from './base-files.js';
import { begin, joinCgroups, keepFds, limitSteps, type PlanIdentity, type PlanInput, speculation } from './build.js';
import { REACHES, type Reach } from './kernel-constants.js';
import { landlockBase } from './landlock-base.js';
import type { Step } from './steps.js';

/** LANDLOCK_SCOPE_SIGNAL, of linux/landlock.h. */
const SCOPE_SIGNAL = 2n;

export type BasePlanInput = Pick<
  PlanInput,
  | 'identity'
  | 'program'
  | 'rlimits'
  | 'oomScoreAdj'
  | 'start'
  | 'supervisor'
  | 'landlockAbi'
  | 'speculationControls'
  | 'fds'
  | 'cgroups'
  | 'terminal'
  | 'writeExecutable'
> & { readonly files: readonly BaseFile[] };

/** The launcher's sequence. Capabilities are root's to give up for good; no_new_privs keeps others from gaining any. */
export function buildBasePlan(input: BasePlanInput): Step[] {
  const { identity, landlockAbi: abi } = input;
  const { uid, gid } = identity;
  const asRoot: Step[] = identity.kind === 'root' ? [{ op: 'capabilityBounds' }, { op: 'identity', uid, gid }] : [];
  return [
    ...joinCgroups(input),
    keepFds(input.fds),
    { op: 'oomScoreAdj', value: input.oomScoreAdj },
    ...limitSteps(input.rlimits),
    { op: 'session' },
    ...(input.terminal === undefined ? [] : [{ op: 'controllingTerminal', fd: input.terminal } satisfies Step]),
    ...asRoot,
    { op: 'noCapabilities' },
    { op: 'workingDirectory', path: input.program.cwd },
    { op: 'noNewPrivs' },
    ...(abi === 0 ? [] : [landlockBase(abi, input.files, executedFile(input.start), input.writeExecutable)]),
    { op: 'subreaper', reach: REACHES[reachOf(identity, abi)], scoped: abi < SCOPES_FROM ? 0n : SCOPE_SIGNAL },
    ...speculation(input),
    { op: 'notDumpable' },
    ...begin(input),
  ];
}

/** What a signal to everybody reaches: everything that the program starts, and nothing else. */
export function reachOf(identity: PlanIdentity, landlockAbi: number): Reach {
  if (landlockAbi >= SCOPES_FROM) return 'domain';
  return identity.kind === 'root' ? 'uid' : 'group';
}

function executedFile(start: PlanInput['start']): number | undefined {
  return start.mode === 'exec' && start.onDisk ? start.file : undefined;
}
