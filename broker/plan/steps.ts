import type { FieldKind, OPERATIONS, OperationName } from './ops.js';

/**
 * What the launcher does, one interface a step, in the order in which `buildPlan` emits them. Every step is checked by the
 * launcher; the first that fails is reported with its index, errno and what it was about, and nothing more is done.
 * Sizes are bytes. Paths are absolute and canonical.
 */
export type Step =
  | JoinCgroups
  | KeepFds
  | OomScoreAdj
  | Unshare
  | IdMap
  | PidNamespace
  | PrivatePropagation
  | StagingRoot
  | Bind
  | Mask
  | Tmpfs
  | Symlink
  | TextFile
  | Proc
  | Pivot
  | Hostname
  | WorkingDirectory
  | SetRlimit
  | Session
  | ControllingTerminal
  | CapabilityBounds
  | Identity
  | NoCapabilities
  | ParentDeathSignal
  | NoNewPrivs
  | Landlock
  | Speculation
  | NotDumpable
  | Stage0
  | Run
  | RunFiltered
  | Subreaper;

/** Moves the launcher, and with it all that it starts, into control groups. First, so that nothing is done outside of them. */
export interface JoinCgroups {
  readonly op: 'joinCgroups';
  /** Of each group its `cgroup.procs`, or its `tasks`, open for writing; closed by the step. */
  readonly fds: readonly number[];
}

/** Moves the fd at `from[i]` to `to[i]` (overlaps are fine) and closes all others. The life socket moves above them. */
export interface KeepFds {
  readonly op: 'keepFds';
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** -1000 to 1000: how soon the kernel kills it when memory runs out. Only root may lower it. */
export interface OomScoreAdj {
  readonly op: 'oomScoreAdj';
  readonly value: number;
}

/** New namespaces for the launcher itself. */
export interface Unshare {
  readonly op: 'unshare';
  /** Of `NAMESPACE_FLAGS`. */
  readonly flags: number;
}

/** The only ids that exist in the user namespace. Denies setgroups, as the kernel demands of an ordinary user. */
export interface IdMap {
  readonly op: 'idMap';
  readonly outerUid: number;
  readonly outerGid: number;
  readonly innerUid: number;
  readonly innerGid: number;
}

/** The launcher makes pid 1 of a new pid namespace, a child of the broker, which goes on; itself it reports and ends. */
export interface PidNamespace {
  readonly op: 'pidNamespace';
}

/** No mount crosses between here and the host any more. */
export interface PrivatePropagation {
  readonly op: 'privatePropagation';
}

/** Makes an empty root to fill, with the host's tree aside. */
export interface StagingRoot {
  readonly op: 'stagingRoot';
  /** A directory of the host to mount on, in the launcher's mount namespace only; nothing below it is hidden. */
  readonly on: string;
  readonly stagingSize: bigint;
  readonly rootSize: bigint;
  readonly rootInodes: bigint;
  /** Permissions of the new root. */
  readonly rootMode: number;
}

/** Shows a file or a tree, with all that is mounted in it. */
export interface Bind {
  readonly op: 'bind';
  /** A path of the host without any symlink. */
  readonly source: string;
  readonly target: string;
  /** Of `MOUNT_ATTRIBUTES`, for every mount of the tree. */
  readonly attributes: number;
  /** Whether the target is made as needed. What is shown of the host is never: where it is writable, the host would have it. */
  readonly make: boolean;
  /** What the source has to be, as stat tells it; 0 and 0: whatever is there. */
  readonly device: bigint;
  readonly inode: bigint;
}

/** Covers a file with /dev/null, a directory with an empty read-only tmpfs. */
export interface Mask {
  readonly op: 'mask';
  readonly target: string;
  readonly size: bigint;
}

export interface Tmpfs {
  readonly op: 'tmpfs';
  readonly target: string;
  readonly size: bigint;
  readonly inodes: bigint;
  /** Permissions of its top directory. */
  readonly mode: number;
  readonly attributes: number;
  /** As of `Bind`. */
  readonly make: boolean;
}

export interface Symlink {
  readonly op: 'symlink';
  /** What the link says. */
  readonly text: string;
  /** Where it is made. */
  readonly link: string;
}

/** A small file of the new root that everybody may read. */
export interface TextFile {
  readonly op: 'textFile';
  readonly target: string;
  readonly text: string;
}

/** After `session`: the terminal at one of the program's fds becomes the session's, which signals and job control go by. */
export interface ControllingTerminal {
  readonly op: 'controllingTerminal';
  readonly fd: number;
}

/** A proc of the new pid namespace. */
export interface Proc {
  readonly op: 'proc';
  readonly target: string;
  /** Without /proc/cpuinfo, /proc/sys and the like, where the kernel can. */
  readonly processesOnly: boolean;
  /** The kernel may refuse (a host's /proc that is partly covered): then there is none. */
  readonly optional: boolean;
}

/** The new root becomes the root; the host's tree is detached. */
export interface Pivot {
  readonly op: 'pivot';
  /** Of `MOUNT_ATTRIBUTES`, for the root itself. */
  readonly attributes: number;
}

export interface Hostname {
  readonly op: 'hostname';
  readonly name: string;
}

export interface WorkingDirectory {
  readonly op: 'workingDirectory';
  readonly path: string;
}

export interface SetRlimit {
  readonly op: 'rlimit';
  /** Of `RLIMITS`. */
  readonly resource: number;
  readonly soft: bigint;
  readonly hard: bigint;
}

/** A session of its own, without a terminal. */
export interface Session {
  readonly op: 'session';
}

/** Empties the bounding set and the ambient set, and locks securebits so that no exec gives capabilities. */
export interface CapabilityBounds {
  readonly op: 'capabilityBounds';
}

/** Gives up root's ids, and checks that they cannot be had back. Not in a user namespace. */
export interface Identity {
  readonly op: 'identity';
  readonly uid: number;
  readonly gid: number;
}

export interface NoCapabilities {
  readonly op: 'noCapabilities';
}

/** SIGKILL when the thread that made the launcher ends; after the last change of ids, which clears it. */
export interface ParentDeathSignal {
  readonly op: 'parentDeathSignal';
}

export interface NoNewPrivs {
  readonly op: 'noNewPrivs';
}

/** Masks that the kernel's ABI knows. `rights[i]` are allowed at and beneath `paths[i]`, all else that is handled is not. */
export interface Landlock {
  readonly op: 'landlock';
  readonly fs: bigint;
  readonly net: bigint;
  readonly scoped: bigint;
  readonly paths: readonly string[];
  readonly rights: readonly bigint[];
  /** A kept fd whose file lies nowhere beneath the root, or -1. */
  readonly file: number;
  readonly fileRights: bigint;
}

/** Switches kinds of speculation off for good; those where processor or kernel leave no choice are passed over. */
export interface Speculation {
  readonly op: 'speculation';
  /** Of `SPECULATION_CONTROLS`. */
  readonly controls: readonly number[];
}

/** Closes /proc/PID to others of its uid. After every write to /proc/self. */
export interface NotDumpable {
  readonly op: 'notDumpable';
}

/** A seccomp filter without a listener, for the launcher and the program. */
export interface Stage0 {
  readonly op: 'stage0';
  /** sock_filter[] */
  readonly filter: Uint8Array;
}

/** The last step: starts the program with the kept fds and supervises it as pid 1 under a filter of its own. */
export interface Run {
  readonly op: 'run';
  readonly path: string;
  /** From argv[0] on. */
  readonly arguments: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
  /** sock_filter[] */
  readonly supervisor: Uint8Array;
}

/**
 * The last step where the filter is in force before the program's first instruction: the launcher sends the listener, and the
 * program begins when the monitor admits its exec.
 */
export interface RunFiltered {
  readonly op: 'runFiltered';
  /** What it is called in a report; opened where `file` is -1. */
  readonly path: string;
  /** A kept fd to execute, closed by the exec, or -1. */
  readonly file: number;
  readonly arguments: readonly string[];
  readonly environment: readonly string[];
  readonly supervisor: Uint8Array;
  /** sock_filter[], for the program. */
  readonly filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG_*, NEW_LISTENER among them. */
  readonly flags: number;
}

/**
 * In place of a pid namespace: the launcher adopts orphans, and ends everything by one signal that reaches all of it. After
 * `identity` and `landlock`, which decide what that is.
 */
export interface Subreaper {
  readonly op: 'subreaper';
  /** Of `REACHES`. */
  readonly reach: number;
  /** Landlock scopes of the program, so that it cannot signal the launcher; 0: the kernel has none. */
  readonly scoped: bigint;
}

interface FieldValues {
  u32: number;
  i32: number;
  u64: bigint;
  flag: boolean;
  text: string;
  path: string;
  bytes: Uint8Array;
  texts: readonly string[];
  paths: readonly string[];
  u32s: readonly number[];
  u64s: readonly bigint[];
}

type Encoded<Fields extends Readonly<Record<string, FieldKind>>> = {
  readonly [Name in keyof Fields]: FieldValues[Fields[Name]];
};

/** What the table of operations says that a step is. */
export type TableStep = {
  [Name in OperationName]: { readonly op: Name } & Encoded<(typeof OPERATIONS)[Name]['fields']>;
}[OperationName];

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
/** Does not compile where the interfaces above and the table disagree. */
export const STEPS_MATCH_THE_TABLE: Same<Step, TableStep> = true;
