/** What the launcher needs, tried by the launcher. */

import { kernelFeatures } from '../../kernel.js';
import { INNER_ID } from '../../plan/build.js';
import { MOUNT_ATTRIBUTES, NAMESPACE_FLAGS } from '../../plan/kernel-constants.js';
import { landlockStep } from '../../plan/landlock.js';
import type { Step } from '../../plan/steps.js';
import { type Check, check } from './check.js';
import { type Trial, tryPlan } from './try-plan.js';

const KEEP: Step = { op: 'keepFds', from: [0, 1, 2], to: [0, 1, 2] };

export async function confinementChecks(): Promise<readonly Check[]> {
  const isRoot = process.geteuid?.() === 0;
  const checks: Check[] = [of('launcher', 'it can be executed, and reads its plan', await tryPlan([KEEP]))];
  if (!isRoot) checks.push(of('user namespace', 'without being root', await tryPlan([KEEP, ...namespaces('user')])));
  for (const [name, meaning] of Object.entries(NAMESPACES)) {
    checks.push(of(`${name} namespace`, meaning, await tryPlan([KEEP, ...namespaces(name as Namespace)])));
  }
  const pids: Step[] = [KEEP, ...namespaces('mount'), { op: 'pidNamespace' }];
  checks.push(of('pid namespace', 'a tree ends with its first process', await tryPlan(pids)));
  checks.push(of('mounts and pivot_root', 'a root of its own', await tryPlan([...pids, ...root()])));
  const proc: Step = { op: 'proc', target: '/proc', processesOnly: true, optional: false };
  checks.push(better('proc of its own', '', await tryPlan([...pids, ...root(proc)])));
  const { landlockAbi: abi } = kernelFeatures();
  if (abi > 0) {
    const landlock = landlockStep({
      abi,
      memory: [],
      folders: [],
      files: [],
      devices: [],
      executed: undefined,
      network: 'none',
    });
    checks.push(better('Landlock in force', '', await tryPlan([...pids, ...root(), { op: 'noNewPrivs' }, landlock])));
  }
  return checks;
}

const NAMESPACES = {
  mount: 'files of its own',
  net: 'no network but its own',
  ipc: 'no System V IPC of others',
  uts: 'a host name of its own',
  cgroup: 'its cgroup is the root that it sees',
};

type Namespace = keyof typeof NAMESPACE_FLAGS;

function namespaces(name: Namespace): Step[] {
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  if (uid === 0) return [{ op: 'unshare', flags: NAMESPACE_FLAGS[name] }];
  return [
    { op: 'unshare', flags: NAMESPACE_FLAGS.user | NAMESPACE_FLAGS[name] },
    { op: 'idMap', outerUid: uid, outerGid: gid, innerUid: INNER_ID, innerGid: INNER_ID },
  ];
}

function root(...more: readonly Step[]): Step[] {
  const { readOnly, noSuid, noDev } = MOUNT_ATTRIBUTES;
  return [
    { op: 'privatePropagation' },
    { op: 'stagingRoot', on: '/tmp', stagingSize: 65536n, rootSize: 65536n, rootInodes: 64n, rootMode: 0o755 },
    {
      op: 'bind',
      source: '/usr',
      target: '/usr',
      attributes: readOnly | noSuid | noDev,
      make: true,
      device: 0n,
      inode: 0n,
    },
    { op: 'tmpfs', target: '/tmp', size: 4096n, inodes: 8n, mode: 0o1777, attributes: noSuid | noDev, make: true },
    ...more,
    { op: 'pivot', attributes: readOnly | noSuid | noDev },
  ];
}

function of(name: string, meaning: string, trial: Trial): Check {
  return trial.works ? check(name, 'full', true, meaning) : check(name, 'full', false, trial.problem, trial.mend);
}

function better(name: string, meaning: string, trial: Trial): Check {
  return { ...of(name, meaning, trial), for: 'better' };
}
