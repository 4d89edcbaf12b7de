import { foldersAbove } from '../paths.js';
import type { CommsNumber } from '../policy/comms-number.js';
import { problemOfHostname } from '../policy/file-statements.js';
import { PlanError } from './errors.js';
import {
  MOUNT_ATTRIBUTES,
  NAMESPACE_FLAGS,
  RLIM_INFINITY,
  RLIMITS,
  type RlimitName,
  SPECULATION_CONTROLS,
} from './kernel-constants.js';
import { landlockStep } from './landlock.js';
import { comparePaths, type Mount, type TmpfsMount } from './mounts.js';
import { COMMS_FD_OF_LAUNCHER, FIRST_DECLARED_FD, PLAN_LIMITS } from './ops.js';
import type { Step } from './steps.js';

/** The ids in the user namespace of an ordinary user's sandboxee. */
export const INNER_ID = 1000;
/** Mounted over in the launcher's mount namespace while the new root is made. */
const STAGING_FOLDER = '/tmp';
const STAGING_SIZE = 64n * 1024n;
/** The root holds folders, empty files to mount on and symlinks; a symlink of more than 127 bytes takes a page. */
const ROOT_SIZE = 1024n * 1024n;
const MASK_SIZE = 4096n;
const STDIO = [0, 1, 2];

export type PlanIdentity =
  /** The broker is root: no user namespace, and ids of the sandboxee's own. */
  | { readonly kind: 'root'; readonly uid: number; readonly gid: number }
  /** The broker is an ordinary user, with these ids: a user namespace, in which they are `INNER_ID`. */
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number };

export interface PlanInput {
  readonly identity: PlanIdentity;
  readonly program: {
    readonly path: string;
    /** From argv[0] on. */
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
  };
  readonly mounts: readonly Mount[];
  readonly tmpfs: readonly TmpfsMount[];
  /** Bytes of memory that may be written into the root; undefined: it is read-only. */
  readonly writableRoot: number | undefined;
  /** Whether what is writable can be run. */
  readonly writeExecutable: boolean;
  readonly network: 'none' | 'host';
  readonly hostname: string;
  /** `Infinity` lifts a limit. */
  readonly rlimits: readonly { readonly resource: RlimitName; readonly soft: number; readonly hard: number }[];
  /** -1000 to 1000. */
  readonly oomScoreAdj: number;
  readonly start: Start;
  /** sock_filter[] of the launcher itself, once it supervises. */
  readonly supervisor: Uint8Array;
  /** 0: the kernel has none. */
  readonly landlockAbi: number;
  /** Whether store bypass and indirect branches stop being speculated on. */
  readonly speculationControls: boolean;
  readonly fds: FdNumbers;
  /** How many control groups it joins; the launcher gets an fd for each, after the declared ones. */
  readonly cgroups: number;
  /** The number inside of the fd that is the session's terminal. */
  readonly terminal: number | undefined;
}

/** When the program's filter comes into force. Filters are sock_filter[]. */
export type Start =
  /** When the program asks for it; until then there is stage 0. */
  | { readonly mode: 'late'; readonly stage0: Uint8Array }
  /** Before its first instruction. */
  | {
      readonly mode: 'exec';
      readonly filter: Uint8Array;
      /** SECCOMP_FILTER_FLAG_* */
      readonly flags: number;
      /** The number inside of the fd to execute, one of those declared; undefined: what `program.path` names. */
      readonly file: number | undefined;
      /** That fd's file has a place in a file system, outside the root: a memfd has none. */
      readonly onDisk: boolean;
    };

/** The numbers inside of what the broker passes besides stdio. */
export interface FdNumbers {
  readonly comms: CommsNumber;
  /** In the order in which the launcher gets them. */
  readonly declared: readonly number[];
}

/** The launcher's sequence, as steps. The order matters: each privilege goes as soon as no later step needs it. */
export function buildPlan(input: PlanInput): Step[] {
  const { identity, program } = input;
  const problem = problemOfHostname(input.hostname);
  if (problem !== undefined) throw new PlanError(problem);
  return [
    ...joinCgroups(input),
    keepFds(input.fds),
    { op: 'oomScoreAdj', value: input.oomScoreAdj },
    ...namespaces(input),
    { op: 'pidNamespace' },
    { op: 'privatePropagation' },
    ...root(input),
    { op: 'hostname', name: input.hostname },
    { op: 'workingDirectory', path: program.cwd },
    ...limitSteps(input.rlimits),
    { op: 'session' },
    ...(input.terminal === undefined ? [] : [{ op: 'controllingTerminal', fd: input.terminal } satisfies Step]),
    { op: 'capabilityBounds' },
    ...(identity.kind === 'root' ? [{ op: 'identity', uid: identity.uid, gid: identity.gid } satisfies Step] : []),
    { op: 'noCapabilities' },
    { op: 'parentDeathSignal' },
    { op: 'noNewPrivs' },
    ...landlock(input),
    ...speculation(input),
    { op: 'notDumpable' },
    ...begin(input),
  ];
}

export function limitSteps(rlimits: PlanInput['rlimits']): Step[] {
  return rlimits.map(({ resource, soft, hard }) => ({
    op: 'rlimit',
    resource: RLIMITS[resource],
    soft: rlimit(soft),
    hard: rlimit(hard),
  }));
}

/** The last steps of any plan. */
export function begin({ program, start, supervisor }: Pick<PlanInput, 'program' | 'start' | 'supervisor'>): Step[] {
  const { path, argv } = program;
  const environment = Object.entries(program.env).map(([name, value]) => `${name}=${value}`);
  if (start.mode === 'late') {
    return [
      { op: 'stage0', filter: start.stage0 },
      { op: 'run', path, arguments: argv, environment, supervisor },
    ];
  }
  const { filter, flags, file = -1 } = start;
  return [{ op: 'runFiltered', path, file, arguments: argv, environment, supervisor, filter, flags }];
}

export function joinCgroups({ fds, cgroups }: Pick<PlanInput, 'fds' | 'cgroups'>): Step[] {
  if (cgroups === 0) return [];
  const first = FIRST_DECLARED_FD + fds.declared.length;
  return [{ op: 'joinCgroups', fds: Array.from({ length: cgroups }, (_, index) => first + index) }];
}

export function keepFds({ comms, declared }: FdNumbers): Step {
  const most = PLAN_LIMITS.keptFds - STDIO.length - 1;
  if (declared.length > most)
    throw new PlanError(`${declared.length} fds are declared, where ${most} are the most; send the others over comms`);
  return {
    op: 'keepFds',
    from: [
      ...STDIO,
      ...(comms === 'none' ? [] : [COMMS_FD_OF_LAUNCHER]),
      ...declared.map((_, index) => FIRST_DECLARED_FD + index),
    ],
    to: [...STDIO, ...(comms === 'none' ? [] : [comms]), ...declared],
  };
}

export function speculation({ speculationControls }: Pick<PlanInput, 'speculationControls'>): Step[] {
  return speculationControls ? [{ op: 'speculation', controls: Object.values(SPECULATION_CONTROLS) }] : [];
}

function namespaces({ identity, network }: PlanInput): Step[] {
  const { user, mount, net, ipc, uts, cgroup } = NAMESPACE_FLAGS;
  const flags = mount | (network === 'host' ? 0 : net) | ipc | uts | cgroup;
  if (identity.kind === 'root') return [{ op: 'unshare', flags }];
  return [
    { op: 'unshare', flags: flags | user },
    { op: 'idMap', outerUid: identity.uid, outerGid: identity.gid, innerUid: INNER_ID, innerGid: INNER_ID },
  ];
}

/** Something with a place in the new root. What is made of memory can have more made in it; what is the host's cannot. */
interface Placed {
  readonly target: string;
  readonly of: 'host' | 'memory' | 'link';
  readonly step: (make: boolean) => Step;
}

/** Folders before what is in them, and masks when everything is in place. */
function root({ mounts, tmpfs, writableRoot, writeExecutable }: PlanInput): Step[] {
  const { readOnly, noSuid, noDev, noExec } = MOUNT_ATTRIBUTES;
  const written = noSuid | noDev | (writeExecutable ? 0 : noExec);
  const masks = mounts.filter(({ kind }) => kind === 'mask').sort((a, b) => comparePaths(a.target, b.target));
  const placed: readonly Placed[] = [
    ...mounts.filter(({ kind }) => kind !== 'mask').map((mount) => placedMount(mount, written)),
    ...tmpfs.map((mount): Placed => ({ target: mount.target, of: 'memory', step: tmpfsStep(mount, written) })),
  ].sort((a, b) => comparePaths(a.target, b.target));
  const byTarget = new Map(placed.map((each) => [each.target, each]));
  const names = placed.reduce((sum, { target }) => sum + target.split('/').length, 0);
  return [
    {
      op: 'stagingRoot',
      on: STAGING_FOLDER,
      stagingSize: STAGING_SIZE,
      rootSize: ROOT_SIZE + BigInt(writableRoot ?? 0),
      rootInodes: BigInt(names + 16 + (writableRoot === undefined ? 0 : inodesFor(writableRoot))),
      rootMode: writableRoot === undefined ? 0o755 : 0o1777,
    },
    ...placed.map(({ target, step }) => step(around(target, byTarget)?.of !== 'host')),
    ...masks.map(({ target }): Step => ({ op: 'mask', target, size: MASK_SIZE })),
    // Optional: a partly covered /proc on the host (Docker) makes the kernel refuse, and Node starts without it.
    { op: 'proc', target: '/proc', processesOnly: true, optional: true },
    { op: 'pivot', attributes: writableRoot === undefined ? readOnly | noSuid | noDev : written },
  ];
}

/** The innermost thing that a place is strictly in. */
function around(target: string, placed: ReadonlyMap<string, Placed>): Placed | undefined {
  const folder = foldersAbove(target).find((each) => placed.has(each));
  return folder === undefined ? undefined : placed.get(folder);
}

/** A file of a page each, and some that are empty: an inode takes about as much of the kernel's memory as of a disk. */
export function inodesFor(size: number): number {
  return 64 + Math.floor(size / 4096);
}

function placedMount(mount: Mount, written: number): Placed {
  const { source, target } = mount;
  if (mount.kind === 'symlink')
    return { target, of: 'link', step: () => ({ op: 'symlink', text: source, link: target }) };
  if (mount.kind === 'text') return { target, of: 'link', step: () => ({ op: 'textFile', target, text: source }) };
  const { device, inode } = 'identity' in mount ? mount.identity : { device: 0n, inode: 0n };
  const attributes = attributesOf(mount, written);
  return {
    target,
    of: 'host',
    step: (make) => ({ op: 'bind', source, target, attributes, make, device, inode }),
  };
}

function attributesOf(mount: Mount, written: number): number {
  const { readOnly, noSuid, noDev, noExec } = MOUNT_ATTRIBUTES;
  if (mount.kind === 'device') return readOnly | noSuid | noExec;
  return isWritable(mount) ? written : readOnly | noSuid | noDev;
}

function isWritable(mount: Mount): boolean {
  return 'access' in mount && mount.access === 'write';
}

function tmpfsStep({ target, size, inodes }: TmpfsMount, attributes: number): Placed['step'] {
  return (make) => ({
    op: 'tmpfs',
    target,
    size: BigInt(size),
    inodes: BigInt(inodes),
    mode: 0o1777,
    attributes,
    make,
  });
}

function landlock({ landlockAbi: abi, mounts, tmpfs, writableRoot, network, start }: PlanInput): Step[] {
  if (abi < 1) return [];
  const written = mounts.filter(isWritable);
  return [
    landlockStep({
      abi,
      memory: [...(writableRoot === undefined ? [] : ['/']), ...tmpfs.map(({ target }) => target)],
      folders: written.filter(({ kind }) => kind === 'granted-directory').map(({ target }) => target),
      files: written.filter(({ kind }) => kind === 'granted-file').map(({ target }) => target),
      devices: mounts.filter(({ kind }) => kind === 'device').map(({ target }) => target),
      executed: start.mode === 'exec' && start.onDisk ? start.file : undefined,
      network,
    }),
  ];
}

function rlimit(value: number): bigint {
  if (value === Infinity) return RLIM_INFINITY;
  if (!Number.isSafeInteger(value) || value < 0)
    throw new PlanError(`${value} is no limit; a whole number or Infinity is`);
  return BigInt(value);
}
