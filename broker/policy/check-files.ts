/** What a policy says of files and is probably not meant. */
import { homedir } from 'node:os';
import { isBeneath } from '../paths.js';
import { canAllow } from './bpf/nodes.js';
import { decisionOf } from './decision.js';
import type { Definition, RulePolicy } from './definition.js';
import { placeOf } from './draft.js';
import type { FileGrant } from './filesystem.js';
import type { Finding } from './finding.js';
import { pathArgument } from './syscalls/arguments.js';
import { type SyscallName, syscallTable } from './syscalls/index.js';

interface Place {
  readonly paths: readonly string[];
  /** Also what holds the place. */
  readonly above?: true;
  readonly why: string;
}

/** Sockets by which the host is administered. */
const COMMANDING_SOCKETS = [
  '/var/run/docker.sock',
  '/run/docker.sock',
  '/run/containerd/containerd.sock',
  '/run/podman/podman.sock',
  '/run/crio/crio.sock',
  '/run/dbus/system_bus_socket',
  '/run/systemd/private',
];

const PLACES: readonly Place[] = [
  { paths: COMMANDING_SOCKETS, above: true, why: 'has a socket by which the host obeys whoever connects' },
  {
    paths: ['/etc/shadow', '/etc/gshadow', '/etc/sudoers', '/etc/ssl/private', '/etc/ssh'],
    above: true,
    why: 'has secrets of the host',
  },
  { paths: ['/etc'], why: 'has the configuration of the host; single files are mostly enough' },
  { paths: ['/home', '/root', homedir()], why: 'is somebody’s home, with keys and histories' },
  { paths: ['/dev'], why: 'has the devices of the host, and /dev/shm, which others share memory by' },
  { paths: ['/run', '/var/run', '/tmp', '/var/tmp'], why: 'has sockets and files of other programs' },
  { paths: ['/var/log', '/var/lib', '/var/spool'], why: 'has the data of other programs' },
  { paths: ['/boot', '/mnt', '/media', '/srv', '/opt'], why: 'is of the whole host; name what is needed of it' },
];

export function checkFiles(policy: RulePolicy): readonly Finding[] {
  const { grants, tmpfs, libraries, writableRoot } = policy.filesystem;
  const calls = new Map(policy.draft.stated.map(({ origin }) => [origin.call, placeOf(origin)]));
  const place = (call: string): string => calls.get(call) ?? call;
  const found = grants.flatMap((grant) =>
    findingsOf(grant, policy).map((message): Finding => ({ kind: 'dangerous', call: place(grant.call), message })),
  );
  const first = grants[0] ?? tmpfs[0];
  const isVain = (first !== undefined || writableRoot !== undefined) && libraries.length === 0 && !opens(policy);
  if (first === undefined || !isVain) return found;
  const message = 'nothing reaches it: no syscall that opens a path is allowed; allowOpen() is one';
  return [...found, { kind: 'unreachable', call: place(first.call), message }];
}

function findingsOf(grant: FileGrant, policy: Definition): readonly string[] {
  const { outside, kind, access } = grant;
  const known = PLACES.find(({ paths, above }) =>
    paths.some(
      (path) => path === outside || (above === true && (isBeneath(path, outside) || isBeneath(outside, path))),
    ),
  );
  const isHome = /^\/home\/[^/]+$/.test(outside);
  const writable = access === 'write' && kind === 'directory';
  return [
    ...(known === undefined ? [] : [`${outside} ${known.why}`]),
    ...(isHome && known === undefined ? [`${outside} is somebody’s home, with keys and histories`] : []),
    ...(writable && policy.filesystem.writeExecutable
      ? [`what is written to ${outside} can be run, on the host as well`]
      : []),
    ...(kind === 'directory' && allows(policy, 'connect')
      ? [`every socket in ${outside} can be connected to, read-only or not`]
      : []),
  ];
}

function allows(policy: Definition, syscall: SyscallName): boolean {
  return canAllow(decisionOf(policy, syscall));
}

function opens(policy: Definition): boolean {
  const names = [...syscallTable(policy.arch).names()];
  return names.some((name) => pathArgument(name) !== undefined && allows(policy, name));
}
