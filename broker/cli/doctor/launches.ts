/** The proof: real launches. */
import { join } from 'node:path';
import { packageRoot } from '../../../native/locate.js';
import { LaunchError } from '../../errors.js';
import { type Executor, node, program } from '../../executor.js';
import { launch } from '../../launch.js';
import { type Policy, policies } from '../../policy/index.js';
import { describeResult, type Result } from '../../result.js';
import type { TierDemand } from '../../tier.js';
import { isFolder, SYSTEM_FOLDERS } from '../surroundings.js';
import { type Check, check } from './check.js';

const BASE = 'any program, without namespaces';

export async function launchChecks(): Promise<readonly Check[]> {
  const read = SYSTEM_FOLDERS.filter(isFolder);
  const trial = join(packageRoot(), 'dist', 'sandboxee-sdk', 'trial.js');
  const worker = await outcomeOf(() => node(trial), policies.node().build());
  return [
    launched('a Node sandboxee', worker),
    speculation(worker),
    launched('any program', await outcomeOf(() => program('/bin/true', { read }), policies.commandLine().build())),
    {
      ...launched(BASE, await outcomeOf(() => program('/bin/true', { read }), policies.commandLine().build(), 'base')),
      for: 'base',
    },
    await reports(read),
  ];
}

type Outcome = Result | string;

function launched(name: string, outcome: Outcome): Check {
  if (typeof outcome === 'string') return check(name, 'full', false, outcome);
  const ok = outcome.status === 'ok' && outcome.exitCode === 0;
  return check(name, 'full', ok, ok ? 'was launched, and ended' : describeResult(outcome), mendOf(outcome));
}

function speculation(outcome: Outcome): Check {
  const layer = typeof outcome === 'string' ? undefined : outcome.layers.find(({ name }) => name === 'speculation');
  const meaning = layer === undefined ? 'not seen' : layer.state === 'on' ? layer.detail : layer.reason;
  return check('speculation controls', 'better', layer?.state === 'on', meaning);
}

/** The monitor reads the path out of the sandboxee's memory, by process_vm_readv. */
async function reports(read: readonly string[]): Promise<Check> {
  const policy = policies.commandLine().denyPathSyscalls('mkdir', 'mkdirat').build();
  const path = '/tmp/sallyport-doctor';
  const outcome = await outcomeOf(() => program('/bin/mkdir', { args: [path], read }), policy);
  const seen = typeof outcome !== 'string' && outcome.denials.some(({ text }) => text.includes(path));
  return check(
    'process_vm_readv',
    'better',
    seen,
    seen ? 'reports name the path that was asked for' : 'reports do not name paths',
    'run as root with CAP_SYS_PTRACE, or as an ordinary user with kernel.yama.ptrace_scope at most 1',
  );
}

async function outcomeOf(executor: () => Executor, policy: Policy, tier: TierDemand = 'full'): Promise<Outcome> {
  try {
    const sandboxee = await launch(executor(), { policy, tier, limits: { wallTime: 20_000 } });
    const result = await sandboxee.result;
    await sandboxee.close();
    return result;
  } catch (error) {
    return error instanceof LaunchError ? error.result : String(error);
  }
}

function mendOf(result: Result): string {
  return result.status === 'setup-error' ? result.hint : '';
}
