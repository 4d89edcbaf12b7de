import { constants } from 'node:os';
import { escapeText } from '../../protocols/text.js';
import {
  AF,
  ARCH_PRCTL,
  AT,
  AT_FDCWD,
  CLOCK,
  CLONE,
  FCNTL,
  FUTEX,
  FUTEX_CLOCK_REALTIME,
  FUTEX_PRIVATE_FLAG,
  IOCTL,
  IPPROTO,
  MADV,
  MAP,
  MAP_TYPE,
  MAP_TYPE_MASK,
  type Names,
  O_ACCESS,
  O_ACCESS_MASK,
  openFlags,
  PRCTL,
  PROT,
  SOCK,
  SOCK_TYPE,
  SOCK_TYPE_MASK,
} from './abi.js';
import { type ArgumentKind, argumentShapes } from './syscalls/arguments.js';
import {
  type Architecture,
  AUDIT_ARCH_X86_64,
  architectureName,
  isArchitecture,
  syscallTable,
  X32_SYSCALL_BIT,
} from './syscalls/index.js';

/** What the monitor saw; the native layer's `SyscallRecord` is one. */
export interface SeenSyscall {
  /** AUDIT_ARCH_*. */
  readonly arch: number;
  readonly number: number;
  /** Six. */
  readonly args: readonly bigint[];
  /** Text of the arguments that point to paths, as far as it could be read. The sandboxee may have changed it since. */
  readonly paths: readonly (string | null)[];
}

/** A syscall in words. Everything in it is escaped and bounded, whatever the sandboxee passed. */
export interface DescribedSyscall {
  /** `openat`; `syscall 1234` where the number has no name. */
  readonly name: string;
  readonly number: number;
  readonly arguments: readonly { readonly name: string; readonly value: string }[];
  /** `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC, 0)` */
  readonly text: string;
}

/** Characters of a path that are shown. */
const LONGEST_PATH = 256;

/** `x86_64`, `i386`, …; `x32` by the number of the syscall, which alone tells it from x86-64. */
export function describeArchitecture(arch: number, number = 0): string {
  return isX32(arch, number) ? 'x32' : architectureName(arch);
}

function isX32(arch: number, number: number): boolean {
  return arch >>> 0 === AUDIT_ARCH_X86_64 && (number & X32_SYSCALL_BIT) !== 0;
}

export function describeSyscall(seen: SeenSyscall): DescribedSyscall {
  const arch = seen.arch >>> 0;
  const number = seen.number >>> 0;
  if (!isArchitecture(arch) || isX32(arch, number)) {
    const bare = isX32(arch, number) ? (number & ~X32_SYSCALL_BIT) >>> 0 : number;
    return inHex(`syscall ${bare} of ${describeArchitecture(arch, number)}`, seen);
  }
  const name = syscallTable(arch).name(number);
  if (name === undefined) return inHex(`syscall ${number}`, seen);
  const shapes = argumentShapes(name);
  if (shapes === undefined) return inHex(name, seen);
  const decoded = shapes.map((shape, index) => {
    const decode = DECODERS[shape.kind];
    const value = decode(seen.args[index] ?? 0n, arch, seen.paths[index] ?? null);
    return { name: shape.name, value };
  });
  return inWords(name, seen, shownArguments(name, decoded));
}

/** openat's mode means nothing unless a file is made. */
function shownArguments(name: string, decoded: DescribedSyscall['arguments']): DescribedSyscall['arguments'] {
  if (name !== 'open' && name !== 'openat') return decoded;
  const flags = decoded.find((argument) => argument.name === 'flags')?.value ?? '';
  return /O_CREAT|O_TMPFILE/.test(flags) ? decoded : decoded.slice(0, -1);
}

function inHex(name: string, seen: SeenSyscall): DescribedSyscall {
  const decoded = seen.args.slice(0, 6).map((value, index) => ({ name: `arg${index}`, value: hex(value) }));
  return inWords(name, seen, decoded);
}

function inWords(name: string, seen: SeenSyscall, decoded: DescribedSyscall['arguments']): DescribedSyscall {
  const text = `${name}(${decoded.map(({ value }) => value).join(', ')})`;
  return { name, number: seen.number, arguments: decoded, text };
}

/** One argument as a number tells it; of a path that is only where it lies. */
export function describeValue(kind: ArgumentKind, value: bigint, arch: Architecture): string {
  return DECODERS[kind](value, arch, null);
}

type Decoder = (value: bigint, arch: Architecture, path: string | null) => string;

const DECODERS: Readonly<Record<ArgumentKind, Decoder>> = {
  fd: (value) => String(int(value)),
  directory: (value) => (int(value) === AT_FDCWD ? 'AT_FDCWD' : String(int(value))),
  path: (value, _arch, path) => (path === null ? pointer(value) : quote(path)),
  pointer,
  size: (value) => String(BigInt.asUintN(64, value)),
  offset: (value) => String(BigInt.asIntN(64, value)),
  int: (value) => String(int(value)),
  hex,
  mode: (value) => `0${uint(value).toString(8)}`.replace(/^00$/, '0'),
  pid: (value) => String(int(value)),
  signal: (value) => oneOf(constants.signals, uint(value)),
  'open-flags': (value, arch) => {
    const access = uint(value) & O_ACCESS_MASK;
    return joinFlags([oneOf(O_ACCESS, access)], uint(value) - access, openFlags(arch));
  },
  'at-flags': (value) => joinFlags([], uint(value), AT),
  protection: (value) => (uint(value) === 0 ? 'PROT_NONE' : joinFlags([], uint(value), PROT)),
  'map-flags': (value) => {
    const type = uint(value) & MAP_TYPE_MASK;
    return joinFlags([oneOf(MAP_TYPE, type)], uint(value) - type, MAP);
  },
  advice: (value) => oneOf(MADV, uint(value)),
  'futex-operation': (value) => {
    const modifiers = FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;
    const operation = (uint(value) & ~modifiers) >>> 0;
    return joinFlags([oneOf(FUTEX, operation)], uint(value) & modifiers, { FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME });
  },
  'clone-flags': (value) => {
    const exitSignal = uint(value) & 0xff;
    const flags = joinFlags([], uint(value) - exitSignal, CLONE);
    if (exitSignal === 0) return flags;
    const signal = oneOf(constants.signals, exitSignal);
    return flags === '0' ? signal : `${flags}|${signal}`;
  },
  'fcntl-command': (value) => oneOf(FCNTL, uint(value)),
  'ioctl-request': (value) => oneOf(IOCTL, uint(value)),
  'prctl-option': (value) => oneOf(PRCTL, uint(value)),
  'arch-prctl-code': (value) => oneOf(ARCH_PRCTL, uint(value)),
  'socket-domain': (value) => oneOf(AF, uint(value)),
  'socket-type': (value) => {
    const type = uint(value) & SOCK_TYPE_MASK;
    return joinFlags([oneOf(SOCK_TYPE, type)], uint(value) - type, SOCK);
  },
  'socket-protocol': (value) => oneOf(IPPROTO, uint(value)),
  clock: (value) => oneOf(CLOCK, uint(value)),
};

/** The low word, as the kernel reads an `int`. */
function int(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

function uint(value: bigint): number {
  return Number(BigInt.asUintN(32, value));
}

function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}

function pointer(value: bigint): string {
  return value === 0n ? 'NULL' : hex(value);
}

function quote(path: string): string {
  return `"${escapeText(path.replace(/["\\]/g, '\\$&'), { max: LONGEST_PATH })}"`;
}

function oneOf(names: Names | typeof constants.signals, value: number): string {
  const entry = Object.entries(names).find(([, known]) => known === value);
  return entry === undefined ? hex(BigInt(value)) : entry[0];
}

/** `A|B|0x40`: the names in the order of the table, and what is left over in hexadecimal. */
function joinFlags(first: readonly string[], value: number, names: Names): string {
  const parts = [...first];
  let rest = value >>> 0;
  for (const [name, bits] of Object.entries(names)) {
    if ((rest & bits) >>> 0 !== bits) continue;
    parts.push(name);
    rest = (rest & ~bits) >>> 0;
  }
  if (rest !== 0 || parts.length === 0) parts.push(rest === 0 ? '0' : hex(BigInt(rest)));
  return parts.join('|');
}
