/** How much confinement a launch gets: what the app demands, against what the host can do. */
import { errnoName } from './kernel-names.js';
import type { PlanIdentity } from './plan/build.js';
import { OPERATIONS } from './plan/ops.js';
import type { StepFailure } from './process/launched.js';
import { fromStepFailure } from './setup-errors.js';
import { tryFull } from './trial.js';

/**
 * - `full`: namespaces and mounts of its own; a host that refuses them fails the launch, with the mend.
 * - `base`: no namespaces: Landlock, seccomp and limits. The same on every host.
 * - `at-least-base`: `full` where this host can, else `base`; `sandboxee.layers` says which, and why.
 */
export type TierDemand = 'full' | 'base' | 'at-least-base';

export const TIER_DEMANDS: readonly TierDemand[] = ['full', 'base', 'at-least-base'];

export type ChosenTier =
  | { readonly tier: 'full' }
  /** `why` there are no namespaces, for `layers`. */
  | { readonly tier: 'base'; readonly why: string };

/** What the kernel says where it will say it again. All else (ENOMEM, EMFILE, …) is for the launch itself to run into. */
const LASTING = ['EPERM', 'EACCES', 'ENOSYS', 'EINVAL', 'ENOSPC', 'EUSERS', 'ENODEV'];

/** Found once in a process. */
let known: ChosenTier | undefined;

export async function chooseTier(demand: TierDemand, identity: PlanIdentity): Promise<ChosenTier> {
  if (demand === 'full') return { tier: 'full' };
  if (demand === 'base') return { tier: 'base', why: 'the app asked for no more' };
  if (known !== undefined) return known;
  const failure = await tryFull(identity);
  if (failure !== 'none' && !isLasting(failure)) return { tier: 'full' };
  known = failure === 'none' ? { tier: 'full' } : { tier: 'base', why: reasonOf(failure) };
  return known;
}

/** Where an identity cannot be had, base cannot have it either. */
function isLasting({ op, errno }: StepFailure): boolean {
  return op !== OPERATIONS.identity.op && LASTING.includes(errnoName(errno));
}

function reasonOf(failure: StepFailure): string {
  const { step, detail, errno, hint } = fromStepFailure(failure);
  const mend = hint === '' ? '' : `; ${hint}`;
  return `this host refuses namespaces (${step}: ${detail}, ${errno}${mend})`;
}
