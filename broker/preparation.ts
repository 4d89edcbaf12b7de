import { join } from 'node:path';
import { packageRoot } from '../native/locate.js';
import { OptionError } from './errors.js';
import type { Executor } from './executor.js';
import { promiseFds } from './fd-account.js';
import { Held } from './held.js';
import { kernelFeatures } from './kernel.js';
import type { Layer } from './layers.js';
import { leaseUid } from './lease.js';
import type { Limits, ResolvedLimits } from './limits.js';
import { type NodeRelease, nodeRelease } from './node-release.js';
import { buildPlan, type PlanIdentity } from './plan/build.js';
import { encodePlan } from './plan/encode.js';
import { visibleMounts } from './plan/visible.js';
import { plannedLayers } from './planned-layers.js';
import { launcherProgram, Policy, stage0Program } from './policy/index.js';
import { resolveLimits } from './resolve-limits.js';
import { rlimitsOf } from './rlimits.js';

/** Lets the sandboxee keep the speculation that side-channel attacks of its own process on itself could use; it runs a little faster. */
export const dangerouslyAllowSpeculation = Symbol('dangerouslyAllowSpeculation');

export interface LaunchOptions {
  /** What it may ask of the kernel once it is through the gate. */
  readonly policy: Policy;
  readonly limits?: Limits;
  /** Ends the launch, and later the sandboxee, when it is aborted. */
  readonly signal?: AbortSignal;
  /** What the sandboxee takes for the name of its host. Default `sandboxee`. */
  readonly hostname?: string;
  readonly speculation?: typeof dangerouslyAllowSpeculation;
}

/** Everything that is decided before anything is started. Holds the uid lease and the share of fds. */
export interface Preparation extends Disposable {
  readonly plan: Uint8Array;
  readonly policy: Policy;
  readonly limits: ResolvedLimits;
  /** Those that the plan brings about, and that the launcher would have failed without. */
  readonly layers: readonly Layer[];
  readonly speculationControls: boolean;
  /**
   * Its fds in flight are not counted with the broker's. Where they are, RLIMIT_NOFILE is lowered last, after the sandboxee
   * and its launcher have sent the fds that a launch needs: others could otherwise keep the account above it (seen).
   */
  readonly ownAccount: boolean;
  readonly signal: AbortSignal | undefined;
}

const OPTION_NAMES = ['policy', 'limits', 'signal', 'hostname', 'speculation'];
/** More likely to go than the broker and whatever else runs beside it, less likely than what asked to go first. */
const OOM_SCORE = 500;

/** @throws OptionError, PlanError, PolicyError: all before anything is started */
export async function prepare(executor: Executor, options: LaunchOptions): Promise<Preparation> {
  checkOptions(executor, options);
  options.signal?.throwIfAborted();
  const limits = resolveLimits(options.limits);
  const release = await nodeRelease(executor.execPath);
  const held = new Held();
  try {
    const identity = chooseIdentity(held);
    const ownAccount = identity.kind === 'root';
    held.add(promiseFds(limits.openFiles, ownAccount));
    const speculationControls = options.speculation !== dangerouslyAllowSpeculation;
    const plan = encodePlan(
      buildPlan({
        identity,
        program: {
          path: executor.execPath,
          argv: [executor.execPath, ...nodeArguments(executor, release), executor.script, ...executor.args],
          env: executor.env,
          cwd: '/',
        },
        mounts: await visibleMounts({
          execPath: executor.execPath,
          script: executor.script,
          sallyport: { root: packageRoot(), paths: ownPaths() },
          read: executor.read,
          reader: identity.kind === 'root' ? identity : undefined,
        }),
        tmpfs: [],
        hostname: options.hostname ?? 'sandboxee',
        rlimits: rlimitsOf(limits, release.major, executor.workerThreads).filter(
          ({ resource }) => ownAccount || resource !== 'nofile',
        ),
        oomScoreAdj: OOM_SCORE,
        stage0: stage0Program(options.policy.arch),
        supervisor: launcherProgram(options.policy.arch),
        landlockAbi: kernelFeatures().landlockAbi,
        speculationControls,
        declaredFds: 0,
      }),
    );
    const layers = plannedLayers(identity, kernelFeatures().landlockAbi);
    options.policy.compile();
    return {
      plan,
      policy: options.policy,
      limits,
      layers,
      speculationControls,
      ownAccount,
      signal: options.signal,
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}

function checkOptions(executor: Executor, options: LaunchOptions): void {
  if (executor?.kind !== 'node') throw new OptionError('launch().executor', 'give it what node() makes');
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
  const { limits, signal, hostname, speculation } = options;
  if (limits !== undefined && (typeof limits !== 'object' || limits === null)) {
    throw new OptionError('launch().limits', `${String(limits)} is not an object such as { memory: 512 * MiB }`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new OptionError('launch().signal', 'give it the signal of an AbortController');
  }
  if (hostname !== undefined && typeof hostname !== 'string') {
    throw new OptionError('launch().hostname', `${String(hostname)} is not a string`);
  }
  if (speculation !== undefined && speculation !== dangerouslyAllowSpeculation) {
    throw new OptionError('launch().speculation', 'the only value is the token dangerouslyAllowSpeculation');
  }
}

/** An ordinary user gets a user namespace; root, who could not gain by one, gives each sandboxee a uid of its own. */
function chooseIdentity(held: Held): PlanIdentity {
  const uid = process.geteuid?.() ?? -1;
  const gid = process.getegid?.() ?? -1;
  if (uid !== 0) return { kind: 'user', uid, gid };
  const lease = held.add(leaseUid());
  return { kind: 'root', uid: lease.uid, gid: lease.uid };
}

/**
 * Where Node can, SIGUSR1 starts no inspector: inside, that is a violation on any signal's say (Node 20 lacks the option;
 * there the SDK handles the signal). No option of V8's is added, such as a heap limit: any makes V8 reject the code cache
 * in the binary, and costs a quarter of Node's start.
 */
function nodeArguments(executor: Executor, { major, minor }: NodeRelease): string[] {
  const canDisable = major >= 24 || (major === 22 && minor >= 14);
  return [...(canDisable ? ['--disable-sigusr1'] : []), ...executor.execArgv];
}

/** Of the package itself: nothing of the broker's addon, and no sources. */
function ownPaths(): string[] {
  const root = packageRoot();
  return ['package.json', 'dist', 'native/build/Release/sandboxee.node'].map((path) => join(root, path));
}
