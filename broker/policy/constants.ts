/** The names of the kernel's interface that documents and requests may use in place of numbers. */
import { constants } from 'node:os';
import * as abi from './abi.js';
import type { Architecture } from './syscalls/index.js';

const NUMBERS: ReadonlyMap<string, number> = new Map(
  [
    abi.PROT,
    abi.MAP_TYPE,
    abi.MAP,
    abi.MADV,
    abi.MREMAP,
    abi.SHM,
    abi.GRND,
    abi.SIG,
    abi.FUTEX,
    abi.CLONE,
    abi.FCNTL,
    abi.IOCTL,
    abi.PRCTL,
    abi.ARCH_PRCTL,
    abi.AF,
    abi.SOCK_TYPE,
    abi.SOCK,
    abi.IPPROTO,
    abi.SO,
    abi.CLOCK,
    abi.AT,
    abi.O_ACCESS,
    constants.signals,
    {
      PROT_NONE: 0,
      NULL: 0,
      AT_FDCWD: abi.AT_FDCWD,
      FUTEX_PRIVATE_FLAG: abi.FUTEX_PRIVATE_FLAG,
      FUTEX_CLOCK_REALTIME: abi.FUTEX_CLOCK_REALTIME,
      PR_SET_VMA_ANON_NAME: abi.PR_SET_VMA_ANON_NAME,
      SOL_SOCKET: abi.SOL_SOCKET,
    },
  ].flatMap((names) => Object.entries(names)),
);

/** `PROT_READ`, `O_CLOEXEC`; open's flags differ between the architectures. */
export function constantNamed(name: string, arch: Architecture): number | undefined {
  const flags = abi.openFlags(arch);
  return NUMBERS.get(name) ?? (Object.hasOwn(flags, name) ? flags[name] : undefined);
}

/** `42`, `-1`, `0x2a`, `0644`, or names, joined by `|`. Throws a RangeError that says what would be right. */
export function parseValue(text: string, arch: Architecture): bigint {
  const parts = text.split('|').map((part) => parsePart(part.trim(), arch));
  const [only, ...more] = parts;
  return more.length === 0 && only !== undefined ? only : parts.reduce((value, part) => value | part, 0n);
}

function parsePart(part: string, arch: Architecture): bigint {
  if (/^0[0-7]+$/.test(part)) return BigInt(`0o${part.slice(1)}`);
  if (/^-?(?:0|[1-9]\d*)$/.test(part)) return BigInt(part);
  if (/^0x[0-9a-f]+$/i.test(part)) return BigInt(part);
  const named = constantNamed(part, arch);
  if (named !== undefined) return BigInt(named);
  throw new RangeError(
    `"${part}" is no number and no constant that is known here; numbers are written 42, -1, 0x2a or 0644, flags A|B`,
  );
}
