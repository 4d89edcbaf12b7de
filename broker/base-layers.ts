import { type Layer, type LayerName, off, on } from './layers.js';
import type { PlanIdentity, Start } from './plan/build.js';
import type { Reach } from './plan/kernel-constants.js';
import { SCOPES_FROM } from './policy/index.js';

const NAMESPACES: readonly (readonly [LayerName, string])[] = [
  ['user-namespace', ''],
  ['mount-namespace', "; it sees the host's tree, of which Landlock opens nothing but what was granted"],
  ['pid-namespace', "; it sees the host's processes, and cannot signal or inspect them"],
  ['network-namespace', '; after the gate no socket can be made, connected or bound'],
  ['ipc-namespace', '; after the gate System V IPC and message queues are refused'],
  ['uts-namespace', "; it sees the host's name"],
  ['cgroup-namespace', ''],
];

const ENDED_BY: Readonly<Record<Reach, string>> = {
  uid: 'a signal to everything of its uid',
  domain: 'a signal to its Landlock domain',
  group: 'a signal to its process group, which nothing may leave',
};

export interface BaseLayersInput {
  readonly mode: Start['mode'];
  readonly identity: PlanIdentity;
  readonly landlockAbi: number;
  readonly reach: Reach;
  /** Why there are no namespaces. */
  readonly why: string;
}

/** The layers of the tier base that the launcher's plan brings about. */
export function baseLayers({ mode, identity, landlockAbi, reach, why }: BaseLayersInput): Layer[] {
  return [
    ...NAMESPACES.map(([name, instead]) => off(name, `tier base: ${why}${instead}`)),
    on('process-tree', `the launcher adopts orphans, and ends everything by ${ENDED_BY[reach]}`),
    identity.kind === 'root'
      ? on('own-uid', `uid ${identity.uid}, leased to it alone`)
      : off('own-uid', 'only a root broker can change uids'),
    on(
      'capabilities',
      identity.kind === 'root'
        ? 'none, none in the bounding set, no_new_privs'
        : 'none, and no_new_privs lets it gain none',
    ),
    landlockLayer(landlockAbi),
    mode === 'late'
      ? on('stage-0', 'no io_uring, no namespaces, no mounts, no ptrace from the first instruction on')
      : off('stage-0', 'the policy itself is in force from the first instruction on'),
  ];
}

function landlockLayer(abi: number): Layer {
  if (abi === 0) return off('landlock', 'the kernel has none; the policy lets no path be resolved');
  const signals =
    abi >= SCOPES_FROM
      ? 'no signal and no abstract socket outside'
      : 'signals and sockets are withheld by the filter, which this ABI knows nothing of';
  return on(
    'landlock',
    `ABI ${abi}: opens only the files that it was granted, writes nothing, changes no modes, owners and times; what files are called and how large they are it can see; ${signals}`,
  );
}
