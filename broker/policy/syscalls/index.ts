import { arm64 } from './arm64.js';
import { x64 } from './x64.js';

/** AUDIT_ARCH_*: how the kernel names an architecture to a filter (`seccomp_data.arch`). */
export const AUDIT_ARCH_X86_64 = 0xc000003e;
export const AUDIT_ARCH_AARCH64 = 0xc00000b7;

/** The architectures that a policy can be compiled for. */
export type Architecture = typeof AUDIT_ARCH_X86_64 | typeof AUDIT_ARCH_AARCH64;

/** By their names for people, which are Node's. */
export const ARCHITECTURES = { x64: AUDIT_ARCH_X86_64, arm64: AUDIT_ARCH_AARCH64 } as const;

export type ArchitectureName = keyof typeof ARCHITECTURES;

/** A syscall that exists on at least one of the architectures. */
export type SyscallName = keyof typeof x64 | keyof typeof arm64;

/** x32 calls carry this bit in their number and the same AUDIT_ARCH as x86-64 ones. */
export const X32_SYSCALL_BIT = 0x40000000;

/** The syscalls of one architecture: names and numbers, each way. */
export class SyscallTable {
  readonly architecture: Architecture;
  /** The largest number that this table knows. */
  readonly highest: number;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #names: ReadonlyMap<number, SyscallName>;

  constructor(architecture: Architecture, numbers: Readonly<Partial<Record<SyscallName, number>>>) {
    const names = Object.keys(numbers) as SyscallName[];
    this.architecture = architecture;
    this.#numbers = new Map(Object.entries(numbers));
    this.#names = new Map(names.flatMap((name) => [[numbers[name] ?? -1, name]]));
    this.highest = Math.max(...this.#names.keys());
  }

  /** `undefined`: there is no such syscall on this architecture (`open` on arm64). */
  number(name: SyscallName): number | undefined {
    return this.#numbers.get(name);
  }

  name(number: number): SyscallName | undefined {
    return this.#names.get(number);
  }

  names(): Iterable<SyscallName> {
    return this.#names.values();
  }
}

const NUMBERS = { [AUDIT_ARCH_X86_64]: x64, [AUDIT_ARCH_AARCH64]: arm64 };
/** Made when they are asked for: most processes have to do with one architecture. */
const tables = new Map<Architecture, SyscallTable>();

export function syscallTable(architecture: Architecture): SyscallTable {
  const table = tables.get(architecture) ?? new SyscallTable(architecture, NUMBERS[architecture]);
  tables.set(architecture, table);
  return table;
}

const ARCHITECTURE_NAMES: ReadonlyMap<number, string> = new Map([
  [AUDIT_ARCH_X86_64, 'x86_64'],
  [AUDIT_ARCH_AARCH64, 'aarch64'],
  [0x40000003, 'i386'],
  [0x40000028, 'arm'],
]);

/** The name of any AUDIT_ARCH_* that a process could come with; in hexadecimal where it has none here. */
export function architectureName(arch: number): string {
  return ARCHITECTURE_NAMES.get(arch >>> 0) ?? `architecture 0x${(arch >>> 0).toString(16)}`;
}

/** Of both architectures. */
export function syscallNames(): readonly SyscallName[] {
  return [...new Set(Object.values(NUMBERS).flatMap((numbers) => Object.keys(numbers) as SyscallName[]))];
}

export function isSyscallName(name: string): name is SyscallName {
  return Object.hasOwn(x64, name) || Object.hasOwn(arm64, name);
}

export function isArchitecture(arch: number): arch is Architecture {
  return arch === AUDIT_ARCH_X86_64 || arch === AUDIT_ARCH_AARCH64;
}

/** The architecture that this process runs on. */
export function hostArchitecture(): Architecture {
  if (process.arch === 'x64') return AUDIT_ARCH_X86_64;
  if (process.arch === 'arm64') return AUDIT_ARCH_AARCH64;
  throw new Error(`Sallyport knows the syscalls of x64 and arm64, not of ${process.arch}`);
}

/** Throws where the architecture has no such syscall. */
export function syscallNumber(arch: Architecture, name: SyscallName): number {
  const number = syscallTable(arch).number(name);
  if (number === undefined) throw new RangeError(`the architecture has no syscall ${name}`);
  return number;
}
