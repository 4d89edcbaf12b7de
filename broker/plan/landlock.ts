import type { Landlock } from './steps.js';

/** LANDLOCK_ACCESS_FS_*, of linux/landlock.h. */
export const FS = {
  execute: 1n << 0n,
  writeFile: 1n << 1n,
  readFile: 1n << 2n,
  readDir: 1n << 3n,
  removeDir: 1n << 4n,
  removeFile: 1n << 5n,
  makeChar: 1n << 6n,
  makeDir: 1n << 7n,
  makeReg: 1n << 8n,
  makeSock: 1n << 9n,
  makeFifo: 1n << 10n,
  makeBlock: 1n << 11n,
  makeSym: 1n << 12n,
  refer: 1n << 13n,
  truncate: 1n << 14n,
  ioctlDev: 1n << 15n,
} as const;

const READ = FS.execute | FS.readFile | FS.readDir;
/** A tmpfs of its own: everything but device nodes and unix sockets. */
const TMPFS =
  READ |
  FS.writeFile |
  FS.removeDir |
  FS.removeFile |
  FS.makeDir |
  FS.makeReg |
  FS.makeFifo |
  FS.makeSym |
  FS.refer |
  FS.truncate;

export const TCP_BIND_AND_CONNECT = 3n;
export const ABSTRACT_SOCKETS_AND_SIGNALS = 3n;

/** All fs rights that a kernel of this ABI knows: 13 at first, then REFER, TRUNCATE, IOCTL_DEV. */
export function handledFs(abi: number): bigint {
  let rights = FS.refer - 1n;
  if (abi >= 2) rights |= FS.refer;
  if (abi >= 3) rights |= FS.truncate;
  if (abi >= 5) rights |= FS.ioctlDev;
  return rights;
}

export interface LandlockInput {
  /** As the kernel reports it, at least 1. */
  readonly abi: number;
  /** Where each tmpfs of the sandboxee is. */
  readonly writable: readonly string[];
  /** Whether there is a /dev/null to write to. */
  readonly devNull: boolean;
  /** A kept fd that is executed and whose file lies nowhere beneath the root. */
  readonly executed: number | undefined;
}

/**
 * Everything that there is may be read and run, only the tmpfs and /dev/null written; no TCP port; no abstract socket and
 * no process outside. It is there for what mounts do not stop: reopening a read-only fd for writing through /proc/self/fd.
 */
export function landlockStep({ abi, writable, devNull, executed }: LandlockInput): Landlock {
  const fs = handledFs(abi);
  const rules: [path: string, rights: bigint][] = [
    ['/', READ],
    ...writable.map((path): [string, bigint] => [path, TMPFS & fs]),
    ...(devNull ? [['/dev/null', FS.writeFile] satisfies [string, bigint]] : []),
  ];
  return {
    op: 'landlock',
    fs,
    net: abi >= 4 ? TCP_BIND_AND_CONNECT : 0n,
    scoped: abi >= 6 ? ABSTRACT_SOCKETS_AND_SIGNALS : 0n,
    paths: rules.map(([path]) => path),
    rights: rules.map(([, rights]) => rights),
    file: executed ?? -1,
    fileRights: executed === undefined ? 0n : FS.execute | FS.readFile,
  };
}
