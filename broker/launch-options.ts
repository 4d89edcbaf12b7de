import { isService } from '../protocols/calls/offer.js';
import type { Service } from '../protocols/calls/service.js';
import { OptionError } from './errors.js';
import type { Executor } from './executor.js';
import type { Hooks } from './hooks.js';
import type { Limits } from './limits.js';
import { Policy } from './policy/index.js';
import { checkStacks, type StackOptions } from './stacks/options.js';
import { TIER_DEMANDS, type TierDemand } from './tier.js';

/** Lets the sandboxee keep the speculation that side-channel attacks of its own process on itself could use; it runs a little faster. */
export const dangerouslyAllowSpeculation = Symbol('dangerouslyAllowSpeculation');

export interface LaunchOptions {
  /** What it may ask of the kernel once it is through the gate. */
  readonly policy: Policy;
  readonly limits?: Limits;
  /** Ends the launch, and later the sandboxee, when it is aborted. */
  readonly signal?: AbortSignal;
  /** The confinement that is demanded; see `TierDemand`. Default `full`. */
  readonly tier?: TierDemand;
  readonly speculation?: typeof dangerouslyAllowSpeculation;
  /** What the app does when it starts and ends, breaks the policy, or makes a call that the policy traces. */
  readonly hooks?: Hooks;
  /** Further files and folders that the host runs or trusts, such as the policy’s own: no grant of the policy makes them writable. */
  readonly trusted?: readonly string[];
  /** When the stacks of its threads are taken for the result. */
  readonly stacks?: StackOptions;
  /** What it may call from the first moment: `service(I, implementation)`. */
  readonly services?: readonly Service[];
}

const OPTION_NAMES = ['policy', 'limits', 'signal', 'tier', 'speculation', 'hooks', 'trusted', 'stacks', 'services'];

/** @throws OptionError */
export function checkExecutor(executor: Executor): void {
  if (executor?.kind !== 'node' && executor?.kind !== 'program') {
    throw new OptionError('launch().executor', 'give it what node(), program() or fromFd() makes');
  }
}

/** @throws OptionError */
export function checkOptions(options: LaunchOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new OptionError('launch().options', 'give it at least { policy: policies.node().build() }');
  }
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.includes(name)) {
      throw new OptionError(`launch().${name}`, `no such option; there are ${OPTION_NAMES.join(', ')}`);
    }
  }
  if (!(options.policy instanceof Policy)) {
    throw new OptionError('launch().policy', 'give it a Policy, e.g. policies.node().build()');
  }
  checkServices(options.services);
  const { limits, signal, tier, speculation, trusted = [], stacks } = options;
  if (limits !== undefined && (typeof limits !== 'object' || limits === null)) {
    throw new OptionError('launch().limits', `${String(limits)} is not an object such as { memory: 512 * MiB }`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new OptionError('launch().signal', 'give it the signal of an AbortController');
  }
  if (tier !== undefined && !TIER_DEMANDS.includes(tier)) {
    throw new OptionError('launch().tier', `${String(tier)} is none of ${TIER_DEMANDS.join(', ')}`);
  }
  if (speculation !== undefined && speculation !== dangerouslyAllowSpeculation) {
    throw new OptionError('launch().speculation', 'the only value is the token dangerouslyAllowSpeculation');
  }
  if (!Array.isArray(trusted) || !trusted.every((path) => typeof path === 'string' && path.startsWith('/'))) {
    throw new OptionError('launch().trusted', 'it is a list of absolute paths');
  }
  if (stacks !== undefined) checkStacks(stacks);
}

function checkServices(services: unknown): void {
  if (services === undefined) return;
  const isList = Array.isArray(services) && services.every(isService);
  if (!isList) throw new OptionError('launch().services', 'give it a list of service(I, implementation)');
  const names = services.map((each) => each.interface.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new OptionError('launch().services', `${twice} is there twice`);
}

/**
 * Late, the filter is in force before its listener is with the broker: that very call would wait for an answer until gateTime.
 *
 * @throws OptionError
 */
export function checkHandover(executor: Executor, policy: Policy): void {
  if (executor.kind !== 'node' || policy.sendsListener(executor.fds.comms)) return;
  throw new OptionError(
    'launch().policy',
    `'${policy.name}' refuses sendmsg on comms, by which a Node program hands over the listener of its filter; add allowComms()`,
  );
}
