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
/** Everything but device nodes and unix sockets. */
const MEMORY =
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

/** Of the host: no FIFO either, at which a program of the host would wait. */
const FOLDER = MEMORY & ~FS.makeFifo;

/** Of a file there are no rights but these; the kernel refuses others. */
const FILE = FS.writeFile | FS.truncate;

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

/** What may be done to a device beside reading it. */
const DEVICE_RIGHTS: Readonly<Record<string, bigint>> = {
  '/dev/null': FS.writeFile,
  '/dev/full': FS.writeFile,
  '/dev/tty': FS.writeFile | FS.ioctlDev,
};

export interface LandlockInput {
  /** As the kernel reports it, at least 1. */
  readonly abi: number;
  /** What may be written: memory of the sandboxee's own, and of the host. */
  readonly memory: readonly string[];
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Device files that there are. */
  readonly devices: readonly string[];
  /** A kept fd that is executed and whose file lies nowhere beneath the root. */
  readonly executed: number | undefined;
  /** `host`: TCP is for the policy to say. */
  readonly network: 'none' | 'host';
}

/**
 * Everything that there is may be read and run, only what is granted for it and some devices written; no TCP port; no abstract socket and
 * no process outside. It is there for what mounts do not stop: reopening a read-only fd for writing through /proc/self/fd.
 */
export function landlockStep({ abi, memory, folders, files, devices, executed, network }: LandlockInput): Landlock {
  const fs = handledFs(abi);
  const rules: [path: string, rights: bigint][] = [
    ['/', READ],
    ...memory.map((path): [string, bigint] => [path, MEMORY & fs]),
    ...folders.map((path): [string, bigint] => [path, FOLDER & fs]),
    ...files.map((path): [string, bigint] => [path, FILE & fs]),
    ...devices.flatMap((path): [string, bigint][] => {
      const rights = DEVICE_RIGHTS[path];
      return rights === undefined ? [] : [[path, rights & fs]];
    }),
  ];
  return {
    op: 'landlock',
    fs,
    net: abi >= 4 && network === 'none' ? TCP_BIND_AND_CONNECT : 0n,
    scoped: abi >= 6 ? ABSTRACT_SOCKETS_AND_SIGNALS : 0n,
    paths: rules.map(([path]) => path),
    rights: rules.map(([, rights]) => rights),
    file: executed ?? -1,
    fileRights: executed === undefined ? 0n : FS.execute | FS.readFile,
  };
}
