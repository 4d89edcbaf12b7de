import { type Layer, off, on } from './layers.js';
import type { PlanIdentity, Start } from './plan/build.js';
import type { FilesystemPolicy } from './policy/index.js';

/** The layers that the launcher's plan brings about: a step that fails ends the launch, so that the plan tells the truth. */
export function plannedLayers(
  mode: Start['mode'],
  identity: PlanIdentity,
  landlockAbi: number,
  { network }: Pick<FilesystemPolicy, 'network'>,
): Layer[] {
  const root = identity.kind === 'root';
  return [
    root
      ? off('user-namespace', 'the broker is root, and gives the sandboxee a uid of its own instead')
      : on('user-namespace', `uid ${identity.uid} outside is an unprivileged uid inside`),
    on('mount-namespace', 'a root with the program, and what it was granted; read-only but for what the policy says'),
    on('pid-namespace', 'sees no process but its own, and ends with its launcher'),
    on('process-tree', 'the kernel ends everything in its pid namespace with the launcher'),
    network === 'host'
      ? off('network-namespace', 'allowUnrestrictedNetworking(): the network is the host’s')
      : on('network-namespace', 'no interface, no address, no route'),
    on('ipc-namespace', 'no System V IPC and no message queues of others'),
    on('uts-namespace', 'a host name of its own'),
    on('cgroup-namespace', 'its cgroup is the root that it sees'),
    root
      ? on('own-uid', `uid ${identity.uid}, leased to it alone`)
      : off('own-uid', 'only a root broker can change uids'),
    on('capabilities', 'none, none in the bounding set, no_new_privs'),
    landlockAbi > 0
      ? on(
          'landlock',
          `ABI ${landlockAbi}: reads and executes beneath its root, writes nothing but what is granted${network === 'host' ? '' : ', no TCP'}`,
        )
      : off('landlock', 'the kernel has none'),
    mode === 'late'
      ? on('stage-0', 'no io_uring, no namespaces, no mounts, no ptrace from the first instruction on')
      : off('stage-0', 'the policy itself is in force from the first instruction on'),
  ];
}
