/**
 * What an ELF file says that it needs. The file is hostile: every number that it holds is only ever a place to read a few
 * bytes at, and everything that is kept has a maximum.
 */

/** At most so many bytes from a place in the file; fewer at its end. */
export type ReadAt = (position: number, length: number) => Uint8Array;

export interface ElfNeeds {
  /** The loader that it asks for (PT_INTERP); null for one that needs none. */
  readonly interpreter: string | null;
  /** The names of the libraries that it links (DT_NEEDED), in its order. */
  readonly needed: readonly string[];
}

export class BadElf extends Error {}

/** The broker holds the answer against these as well. */
export const ELF_LIMITS = { needed: 256, text: 255 } as const;

const MOST_PROGRAM_HEADERS = 256;
const MOST_DYNAMIC_ENTRIES = 4096;

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const DYNAMIC_ENTRY_SIZE = 16;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
}

/** @param machine EM_*, of elf.h */
export function readElf(read: ReadAt, machine: number): ElfNeeds {
  const segments = segmentsOf(read, machine);
  const interpreter = segments.find(({ type }) => type === PT_INTERP);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  return {
    interpreter: interpreter === undefined ? null : textAt(read, interpreter.offset, 'the name of its loader'),
    needed: dynamic === undefined ? [] : neededBy(read, dynamic, segments),
  };
}

function segmentsOf(read: ReadAt, machine: number): readonly Segment[] {
  const header = viewOf(read(0, HEADER_SIZE));
  if (header.byteLength < HEADER_SIZE || header.getUint32(0) !== 0x7f45_4c46) throw new BadElf('it is no ELF file');
  if (header.getUint8(4) !== 2 || header.getUint8(5) !== 1) throw new BadElf('it is not 64-bit and little-endian');
  if (header.getUint16(18, true) !== machine) throw new BadElf('it is for another processor');
  const offset = numberOf(header.getBigUint64(32, true), 'the place of its program headers');
  const size = header.getUint16(54, true);
  const count = header.getUint16(56, true);
  if (size !== PROGRAM_HEADER_SIZE) throw new BadElf(`its program headers are of ${size} bytes`);
  if (count > MOST_PROGRAM_HEADERS) throw new BadElf(`it has ${count} program headers`);
  const table = viewOf(read(offset, count * size));
  if (table.byteLength < count * size) throw new BadElf('its program headers are cut off');
  return Array.from({ length: count }, (_, index) => segmentAt(table, index * size));
}

function segmentAt(table: DataView, at: number): Segment {
  return {
    type: table.getUint32(at, true),
    offset: numberOf(table.getBigUint64(at + 8, true), 'the place of a segment'),
    address: table.getBigUint64(at + 16, true),
    size: numberOf(table.getBigUint64(at + 32, true), 'the size of a segment'),
  };
}

function neededBy(read: ReadAt, dynamic: Segment, segments: readonly Segment[]): readonly string[] {
  const count = Math.min(Math.floor(dynamic.size / DYNAMIC_ENTRY_SIZE), MOST_DYNAMIC_ENTRIES);
  const table = viewOf(read(dynamic.offset, count * DYNAMIC_ENTRY_SIZE));
  const names: bigint[] = [];
  let strings: bigint | undefined;
  for (let at = 0; at + DYNAMIC_ENTRY_SIZE <= table.byteLength; at += DYNAMIC_ENTRY_SIZE) {
    const tag = table.getBigUint64(at, true);
    const value = table.getBigUint64(at + 8, true);
    if (tag === DT_NULL) break;
    if (tag === DT_STRTAB) strings = value;
    else if (tag === DT_NEEDED) names.push(value);
    if (names.length > ELF_LIMITS.needed) throw new BadElf(`it links more than ${ELF_LIMITS.needed} libraries`);
  }
  if (names.length === 0) return [];
  if (strings === undefined) throw new BadElf('it links libraries without names');
  const base = fileOffset(strings, segments);
  return names.map((name) => textAt(read, base + numberOf(name, 'the place of a name'), 'the name of a library'));
}

/** Where in the file lies what is loaded to an address. */
function fileOffset(address: bigint, segments: readonly Segment[]): number {
  const segment = segments.find(
    ({ type, address: start, size }) => type === PT_LOAD && address >= start && address < start + BigInt(size),
  );
  if (segment === undefined) throw new BadElf('its names lie in no segment');
  return segment.offset + Number(address - segment.address);
}

function textAt(read: ReadAt, position: number, what: string): string {
  if (!Number.isSafeInteger(position)) throw new BadElf(`${what} lies beyond every file`);
  const bytes = read(position, ELF_LIMITS.text + 1);
  const end = bytes.indexOf(0);
  if (end < 0) throw new BadElf(`${what} has no end, or is longer than ${ELF_LIMITS.text} bytes`);
  return Buffer.from(bytes.subarray(0, end)).toString('latin1');
}

function numberOf(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadElf(`${what} lies beyond every file`);
  return Number(value);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
