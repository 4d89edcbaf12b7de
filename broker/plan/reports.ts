import { constants } from 'node:os';
import { ProtocolError } from '../../protocols/errors.js';
import { operationName } from './ops.js';

const FAILED_FIXED = 12;
const MOST_DETAIL = 8192;
const BEFORE_THE_FIRST_STEP = 0xffff_ffff;

/** A step of the launcher that failed. */
export interface StepFailure {
  /** Where in the plan; undefined before its first step. */
  readonly index: number | undefined;
  readonly step: string;
  /** Positive. */
  readonly errno: number;
  /** `EPERM`. */
  readonly errnoName: string;
  /** What it was about, e.g. `open the source, which must be a real path: /srv/app`. */
  readonly detail: string;
  /** What to do about it; empty where nothing is known. */
  readonly hint: string;
}

export type ExitStatus =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: number; readonly core: boolean };

/** Not `util.getSystemErrorName`, which knows only what libuv may return. */
const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

const USER_NAMESPACES =
  'an ordinary user needs user namespaces: allow them (sysctl kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile with `userns,` on Ubuntu; kernel.unprivileged_userns_clone=1 on older Debian; user.max_user_namespaces above 0; a seccomp profile of the container that permits them), or run the broker as root';
const MOUNT_RIGHTS =
  'the container or security module around the broker forbids mounts: give it CAP_SYS_ADMIN and an AppArmor profile that allows them, or run it outside';

const HINTS: readonly { readonly step: string; readonly errnos: readonly string[]; readonly hint: string }[] = [
  { step: 'unshare', errnos: ['EPERM', 'EACCES', 'ENOSPC', 'EINVAL', 'ENOSYS'], hint: USER_NAMESPACES },
  { step: 'idMap', errnos: ['EPERM', 'EACCES'], hint: USER_NAMESPACES },
  { step: 'privatePropagation', errnos: ['EPERM', 'EACCES'], hint: MOUNT_RIGHTS },
  { step: 'stagingRoot', errnos: ['EPERM', 'EACCES'], hint: MOUNT_RIGHTS },
  {
    step: 'stagingRoot',
    errnos: ['EINVAL'],
    hint: 'pivot_root does not work on an initramfs: run the host from a mounted root file system',
  },
  { step: 'bind', errnos: ['ENOENT'], hint: 'it was there when the plan was made: launch again' },
  { step: 'mask', errnos: ['ENOENT'], hint: 'it was there when the plan was made: launch again' },
  { step: 'bind', errnos: ['ELOOP', 'EXDEV'], hint: 'a part of the path is a symlink: name the real path' },
  {
    step: 'rlimit',
    errnos: ['EPERM'],
    hint: 'the hard limit of the broker is lower: raise it (ulimit -H, LimitNOFILE= and the like of its service), or ask for less',
  },
  {
    step: 'capabilityBounds',
    errnos: ['EPERM'],
    hint: 'the broker lacks CAP_SETPCAP: give it that, or run it as an ordinary user',
  },
  {
    step: 'identity',
    errnos: ['EPERM', 'EINVAL'],
    hint: 'the broker lacks CAP_SETUID and CAP_SETGID, or the uid does not exist in its user namespace: set SALLYPORT_UID_BASE, or run it as an ordinary user',
  },
  {
    step: 'oomScoreAdj',
    errnos: ['EACCES', 'EPERM'],
    hint: 'only CAP_SYS_RESOURCE may lower it: ask for a higher value',
  },
  {
    step: 'run',
    errnos: ['ENOENT'],
    hint: 'the program, or the loader that it names, is not among the files that the sandboxee sees',
  },
  { step: 'run', errnos: ['EACCES'], hint: 'the uid of the sandboxee may not execute the program: check its mode' },
];

/** The payload of a Failed frame. */
export function decodeFailed(payload: Uint8Array): StepFailure {
  if (payload.length < FAILED_FIXED || payload.length > FAILED_FIXED + MOST_DETAIL) {
    throw new ProtocolError(`a Failed frame of ${payload.length} bytes`);
  }
  const view = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const index = view.readUInt32LE(0);
  const step = operationName(view.readUInt32LE(4));
  const errno = view.readInt32LE(8);
  const errnoName = nameOf(errno);
  return {
    index: index === BEFORE_THE_FIRST_STEP ? undefined : index,
    step,
    errno,
    errnoName,
    detail: view.toString('utf8', FAILED_FIXED),
    hint: HINTS.find((entry) => entry.step === step && entry.errnos.includes(errnoName))?.hint ?? '',
  };
}

function nameOf(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

/** The payload of an Exited frame: a status as waitpid gives it. */
export function decodeExited(payload: Uint8Array): ExitStatus {
  if (payload.length !== 4) throw new ProtocolError(`an Exited frame of ${payload.length} bytes`);
  const status = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).readInt32LE(0);
  const signal = status & 0x7f;
  if (signal === 0) return { kind: 'exited', code: (status >> 8) & 0xff };
  return { kind: 'signaled', signal, core: (status & 0x80) !== 0 };
}
