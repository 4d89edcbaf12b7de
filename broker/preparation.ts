import type { Service } from '../protocols/calls/service.js';
import { Fd } from '../protocols/fd.js';
import type { SandboxeeGroup } from './cgroup/group.js';
import { confinementOf, planOf } from './confinement.js';
import type { FdLayout } from './declared-fds.js';
import { OptionError } from './errors.js';
import type { Executor } from './executor.js';
import { promiseFds } from './fd-account.js';
import { controlLimits } from './group-limits.js';
import { Held } from './held.js';
import { type ResolvedHooks, resolveHooks } from './hooks.js';
import { canInspect, kernelFeatures } from './kernel.js';
import {
  checkExecutor,
  checkHandover,
  checkOptions,
  dangerouslyAllowSpeculation,
  type LaunchOptions,
} from './launch-options.js';
import type { Layer, Tier } from './layers.js';
import { leaseUid } from './lease.js';
import type { ResolvedLimits } from './limits.js';
import type { PlanIdentity } from './plan/build.js';
import { combineMounts } from './plan/combine.js';
import { encodePlan } from './plan/encode.js';
import { type GrantContext, type GrantedFiles, policyMounts } from './plan/granted.js';
import type { Trusted } from './plan/trusted.js';
import { type CompiledPolicy, launcherProgram, type Policy, withOwnPid } from './policy/index.js';
import { resolveLimits } from './resolve-limits.js';
import { behindGroup } from './rlimits.js';
import { DEFAULT_STACKS, type StackOptions } from './stacks/options.js';
import { startOf } from './start.js';
import { trustedBy } from './trusted-by.js';

/** Everything that is decided before anything is started. Holds the uid lease, the share of fds, and the fds to be moved. */
export interface Preparation extends Disposable {
  readonly mode: 'late' | 'exec';
  readonly tier: Tier;
  readonly plan: Uint8Array;
  readonly policy: Policy;
  /** The policy as this confinement needs it. */
  readonly compiled: CompiledPolicy;
  readonly fds: FdLayout;
  /** What is executed, where it is an fd. */
  readonly file: Fd | undefined;
  readonly limits: ResolvedLimits;
  /** Those that the plan brings about, and that the launcher would have failed without. */
  readonly layers: readonly Layer[];
  readonly speculationControls: boolean;
  /** Whether its fds and maps can be looked at. */
  readonly inspectable: boolean;
  /**
   * Its fds in flight are not counted with the broker's. Where they are, RLIMIT_NOFILE is lowered last, after the sandboxee
   * and its launcher have sent the fds that a launch needs: others could otherwise keep the account above it (seen).
   */
  readonly ownAccount: boolean;
  readonly signal: AbortSignal | undefined;
  readonly hooks: ResolvedHooks;
  /**
   * The Node binary: of this and of what it links alone may a report parse ELF structures. A program that is no Node is not
   * trusted with that, however it came here.
   */
  readonly trustedProgram: string;
  readonly stacks: Required<StackOptions>;
  /** Where a limit that was asked for is held by control groups. */
  readonly group: SandboxeeGroup | undefined;
  readonly services: readonly Service[];
}

/** More likely to go than the broker and whatever else runs beside it, less likely than what asked to go first. */
const OOM_SCORE = 500;

/** @throws OptionError, PlanError, PolicyError: all before anything is started */
export async function prepare(
  executor: Executor,
  options: LaunchOptions,
  librariesOf: GrantContext['librariesOf'],
): Promise<Preparation> {
  checkExecutor(executor);
  const held = new Held();
  try {
    const file = executor.kind === 'program' && executor.file.kind === 'fd' ? executor.file.fd : undefined;
    holdFds(held, executor.fds, file);
    checkOptions(options);
    options.signal?.throwIfAborted();
    const limits = resolveLimits(options.limits);
    const hooks = resolveHooks(options.hooks, options.policy);
    checkHandover(executor, options.policy);
    const identity = chooseIdentity(held);
    const ownAccount = identity.kind === 'root';
    held.add(promiseFds(limits.openFiles, ownAccount));
    const { group, layers: limitLayers } = controlLimits(options.limits, limits);
    if (group) held.add(group);
    const speculationControls = options.speculation !== dangerouslyAllowSpeculation;
    const { policy } = options;
    const { filesystem } = policy;
    const { landlockAbi } = kernelFeatures();
    const confinement = await confinementOf(options, identity);
    const unmediated = confinement.tier === 'base' ? confinement.unmediated : undefined;
    const compiled = policy.compile(executor.fds.comms, unmediated);
    const oneGroup = unmediated?.oneGroup === true;
    const { tier } = confinement;
    const begun = await startOf(executor, { compiled, limits, identity, tier, oneGroup });
    const { program, mounts, view, start, rlimits, fds } = begun;
    const trusted = (): Trusted => trustedBy(executor, options.trusted ?? []);
    const context = { trusted, librariesOf };
    const granted = joinGrants(
      await policyMounts(filesystem, context),
      view && (await policyMounts(view.files, context)),
    );
    const { steps, layers } = planOf(confinement, {
      identity,
      program: { ...program, cwd: filesystem.workingDirectory ?? program.cwd },
      ...combineMounts(mounts, granted),
      writableRoot: filesystem.writableRoot,
      writeExecutable: filesystem.writeExecutable || view?.files.writeExecutable === true,
      network: filesystem.network,
      hostname: filesystem.hostname ?? 'sandboxee',
      rlimits: (group?.holds('pids') ? behindGroup(rlimits) : rlimits).filter(
        ({ resource }) => ownAccount || resource !== 'nofile',
      ),
      oomScoreAdj: OOM_SCORE,
      start,
      supervisor: launcherProgram(policy.arch),
      landlockAbi,
      speculationControls,
      fds,
      cgroups: group?.size ?? 0,
      terminal: view?.terminal,
    });
    return {
      mode: start.mode,
      tier,
      plan: encodePlan(steps),
      policy,
      compiled,
      fds: executor.fds,
      file,
      limits,
      layers: [...layers, ...limitLayers],
      speculationControls,
      inspectable: canInspect(),
      ownAccount,
      signal: options.signal,
      hooks,
      trustedProgram: executor.kind === 'node' ? executor.execPath : process.execPath,
      stacks: { ...DEFAULT_STACKS, ...options.stacks },
      group,
      services: options.services ?? [],
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}

function joinGrants(policys: GrantedFiles, others: GrantedFiles | undefined): GrantedFiles {
  if (others === undefined) return policys;
  return {
    mounts: [...policys.mounts, ...others.mounts],
    protections: [...policys.protections, ...others.protections],
    tmpfs: [...policys.tmpfs, ...others.tmpfs],
  };
}

/** The policy for the sandboxee of this pid: for its filter, and for the monitor, which runs the filter too. */
export function compiledFor({ compiled }: Preparation, pid: number): CompiledPolicy {
  return { ...compiled, program: withOwnPid(compiled.program, pid) };
}

/** They are moved, also when the launch fails: what was not passed on is closed with the preparation. */
function holdFds(held: Held, { placed }: FdLayout, file: Fd | undefined): void {
  for (const { name, source } of [...placed, ...(file ? [{ name: 'the file to execute', source: file }] : [])]) {
    if (!(source instanceof Fd)) continue;
    held.add(source);
    try {
      void source.number;
    } catch {
      throw new OptionError(
        'launch().executor',
        `${name} was closed or moved before: an executor that has fds serves one launch; make another, with dup()`,
      );
    }
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
