/** What a launch is confined by, before anything is started: the tier, and what of the policy and options it cannot honour. */
import { baseLayers } from './base-layers.js';
import { OptionError } from './errors.js';
import { canInspect, kernelFeatures } from './kernel.js';
import type { LaunchOptions } from './launch-options.js';
import type { Layer } from './layers.js';
import { baseFiles } from './plan/base-files.js';
import { buildPlan, type PlanIdentity, type PlanInput } from './plan/build.js';
import { buildBasePlan, reachOf } from './plan/build-base.js';
import type { Step } from './plan/steps.js';
import { plannedLayers } from './planned-layers.js';
import type { FilesystemPolicy } from './policy/filesystem.js';
import type { Unmediated } from './policy/index.js';
import { withUsersTasks } from './rlimits.js';
import { chooseTier } from './tier.js';

export type Confinement =
  | { readonly tier: 'full' }
  | { readonly tier: 'base'; readonly why: string; readonly unmediated: Unmediated };

/** @throws OptionError where the tier cannot do what is asked for */
export async function confinementOf(
  { policy, tier = 'full' }: LaunchOptions,
  identity: PlanIdentity,
): Promise<Confinement> {
  if (tier === 'full' && !canInspect()) {
    throw new OptionError(
      'launch().tier',
      "the broker is root without CAP_SYS_PTRACE, and could not verify a sandboxee's fds and maps: docker run --cap-add SYS_PTRACE, run it as an ordinary user, or accept less, by 'at-least-base'",
    );
  }
  const chosen = await chooseTier(tier, identity);
  if (chosen.tier === 'full') return chosen;
  const { landlockAbi } = kernelFeatures();
  const mounted = needsNamespaces(policy.filesystem);
  if (mounted !== undefined) throw withoutNamespaces('launch().policy', mounted, chosen.why);
  if (landlockAbi === 0 && policy.resolvesPaths) {
    const [first, ...others] = policy.pathSyscalls;
    const named = others.length === 0 ? first : `${first} and ${others.length} others`;
    throw withoutNamespaces(
      'launch().policy',
      `this kernel has no Landlock either, and the policy '${policy.name}' lets paths be resolved by ${named}: take them out, or enable Landlock (lsm=landlock,… on the kernel's command line)`,
      chosen.why,
    );
  }
  return { ...chosen, unmediated: { landlockAbi, oneGroup: reachOf(identity, landlockAbi) === 'group' } };
}

/** The first word of the policy that takes a namespace. */
function needsNamespaces({ grants, tmpfs, writableRoot, hostname, network }: FilesystemPolicy): string | undefined {
  if (hostname !== undefined) return "setHostname(): the host's name cannot be another";
  if (writableRoot !== undefined) return "setRootWritable(): its root is the host's";
  if (network === 'host') return 'allowUnrestrictedNetworking(): without a network of its own, sockets are withheld';
  const [memory] = tmpfs;
  if (memory !== undefined) return `${memory.call}: there can be no memory file system`;
  const moved = grants.find(({ outside, inside }) => outside !== inside);
  if (moved !== undefined) return `${moved.call}: files are granted at their own places only`;
  return undefined;
}

function withoutNamespaces(option: string, problem: string, why: string): OptionError {
  return new OptionError(option, `tier base has no namespaces (${why}): ${problem}`);
}

/** The launcher's plan, and the layers that it brings about. */
export function planOf(confinement: Confinement, input: PlanInput): { steps: Step[]; layers: Layer[] } {
  const { identity, landlockAbi, start, rlimits } = input;
  const { mode } = start;
  if (confinement.tier === 'full')
    return { steps: buildPlan(input), layers: plannedLayers(mode, identity, landlockAbi, input) };
  const [tmpfs] = input.tmpfs;
  if (tmpfs !== undefined) {
    throw withoutNamespaces(
      'launch().policy',
      `there can be no memory file system at ${tmpfs.target}`,
      confinement.why,
    );
  }
  const files = baseFiles(input.mounts, identity.kind === 'root' ? identity : undefined);
  const ownCount = identity.kind === 'root';
  return {
    steps: buildBasePlan({ ...input, files, rlimits: ownCount ? rlimits : withUsersTasks(rlimits) }),
    layers: baseLayers({ mode, identity, landlockAbi, reach: reachOf(identity, landlockAbi), why: confinement.why }),
  };
}
