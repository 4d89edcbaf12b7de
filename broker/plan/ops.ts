/**
 * The steps that the launcher knows: one table, from which the encoder works, and from which
 * `scripts/generate-constants.ts` makes the launcher's own table. A number that was ever released keeps its meaning.
 */

/** How a field lies in the plan; the letter is what the launcher's decoder calls it. */
export const FIELD_KINDS = {
  u32: 'u',
  i32: 'i',
  u64: 'q',
  flag: 'f',
  text: 's',
  path: 'p',
  bytes: 'b',
  texts: 'S',
  paths: 'S',
  u32s: 'U',
  u64s: 'Q',
} as const;

export type FieldKind = keyof typeof FIELD_KINDS;

export interface Operation {
  readonly op: number;
  /** In the order in which they are encoded. */
  readonly fields: Readonly<Record<string, FieldKind>>;
}

export const OPERATIONS = {
  keepFds: { op: 1, fields: { from: 'u32s', to: 'u32s' } },
  oomScoreAdj: { op: 2, fields: { value: 'i32' } },
  unshare: { op: 3, fields: { flags: 'u32' } },
  idMap: { op: 4, fields: { outerUid: 'u32', outerGid: 'u32', innerUid: 'u32', innerGid: 'u32' } },
  pidNamespace: { op: 5, fields: {} },
  privatePropagation: { op: 6, fields: {} },
  stagingRoot: {
    op: 7,
    fields: { on: 'path', stagingSize: 'u64', rootSize: 'u64', rootInodes: 'u64', rootMode: 'u32' },
  },
  bind: {
    op: 8,
    fields: { source: 'path', target: 'path', attributes: 'u32', make: 'flag', device: 'u64', inode: 'u64' },
  },
  mask: { op: 9, fields: { target: 'path', size: 'u64' } },
  tmpfs: {
    op: 10,
    fields: { target: 'path', size: 'u64', inodes: 'u64', mode: 'u32', attributes: 'u32', make: 'flag' },
  },
  symlink: { op: 11, fields: { text: 'text', link: 'path' } },
  proc: { op: 12, fields: { target: 'path', processesOnly: 'flag', optional: 'flag' } },
  pivot: { op: 13, fields: { attributes: 'u32' } },
  hostname: { op: 14, fields: { name: 'text' } },
  workingDirectory: { op: 15, fields: { path: 'path' } },
  rlimit: { op: 16, fields: { resource: 'u32', soft: 'u64', hard: 'u64' } },
  session: { op: 17, fields: {} },
  capabilityBounds: { op: 18, fields: {} },
  identity: { op: 19, fields: { uid: 'u32', gid: 'u32' } },
  noCapabilities: { op: 20, fields: {} },
  parentDeathSignal: { op: 21, fields: {} },
  noNewPrivs: { op: 22, fields: {} },
  landlock: {
    op: 23,
    fields: {
      fs: 'u64',
      net: 'u64',
      scoped: 'u64',
      paths: 'paths',
      rights: 'u64s',
      file: 'i32',
      fileRights: 'u64',
    },
  },
  speculation: { op: 24, fields: { controls: 'u32s' } },
  notDumpable: { op: 25, fields: {} },
  stage0: { op: 26, fields: { filter: 'bytes' } },
  run: { op: 27, fields: { path: 'path', arguments: 'texts', environment: 'texts', supervisor: 'bytes' } },
  runFiltered: {
    op: 28,
    fields: {
      path: 'text',
      file: 'i32',
      arguments: 'texts',
      environment: 'texts',
      supervisor: 'bytes',
      filter: 'bytes',
      flags: 'u32',
    },
  },
  joinCgroups: { op: 29, fields: { fds: 'u32s' } },
  subreaper: { op: 30, fields: { reach: 'u32', scoped: 'u64' } },
  textFile: { op: 40, fields: { target: 'path', text: 'text' } },
  controllingTerminal: { op: 41, fields: { fd: 'u32' } },
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationName = keyof typeof OPERATIONS;

/** The launcher refuses what is beyond these. */
export const PLAN_LIMITS = {
  /** Bytes of a whole plan. */
  size: 1024 * 1024,
  steps: 4096,
  /** Bytes of one text, without its NUL. */
  text: 64 * 1024,
  /** Items of one list. */
  items: 4096,
  /** Fields of one step. */
  fields: 8,
  /** Fds that the program has when it starts. */
  keptFds: 260,
  /** fd numbers are below this. */
  fdNumbers: 1024,
} as const;

/** 'SLYP', little-endian. */
export const PLAN_MAGIC = 0x50594c53;
export const PLAN_VERSION = 1;

/** The sixth argument of the one execveat that a monitor admits; the kernel ignores it. */
export const FIRST_EXEC = 0x59505345;

/** Where the launcher finds the comms socket, and its two own fds; the declared ones follow. */
export const COMMS_FD_OF_LAUNCHER = 3;
export const LIFE_FD = 4;
export const PLAN_FD = 5;
export const FIRST_DECLARED_FD = 6;
