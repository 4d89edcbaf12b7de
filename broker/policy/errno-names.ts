import { constants } from 'node:os';

/** An errno by its name, `'EPERM'`. */
export type ErrnoName = keyof typeof constants.errno;

export const ERRNO_NAMES = Object.keys(constants.errno) as ErrnoName[];

/** For callers without types. */
export function isErrnoName(name: string): name is ErrnoName {
  return Object.hasOwn(constants.errno, name);
}
