import { sweepOnce } from './cgroup/sweep.js';
import { LaunchError } from './errors.js';
import type { Executor } from './executor.js';
import type { LaunchOptions } from './launch-options.js';
import { findLibraries } from './libraries/find.js';
import type { GrantContext } from './plan/granted.js';
import { prepare } from './preparation.js';
import { Sandboxee } from './sandboxee.js';
import { Session } from './session.js';

/**
 * Starts a program in its confinement, and resolves once it is through the gate: filtered, verified, and told to go.
 *
 * @throws OptionError, PlanError, PolicyError for what cannot be honoured, before anything is started
 * @throws the reason of `options.signal` where it was aborted before
 * @throws LaunchError for any end before *go*; its `result` says which
 */
export async function launch(executor: Executor, options: LaunchOptions): Promise<Sandboxee> {
  const librariesOf: GrantContext['librariesOf'] = async ({ path, libraryPath }) => {
    const found = await findLibraries(path, { libraryPath, signal: options.signal }, launch);
    return found.map(({ resolved }) => resolved);
  };
  const session = new Session(await prepare(executor, options, librariesOf));
  const sandboxee = new Sandboxee(session);
  // While the launcher works.
  sweepOnce();
  if (await session.passGate(sandboxee)) return sandboxee;
  const result = await session.result;
  session.comms.close();
  // Nobody else could: they are to be had from what launch() resolves with.
  for (const fd of session.fds.values()) fd.close();
  throw new LaunchError(result);
}
