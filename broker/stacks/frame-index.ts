import type { ElfFile } from './elf-file.js';

/** The encodings that GNU's and LLVM's linkers write for x86-64: LSB Core, "DWARF Extensions". */
export const PC_RELATIVE_INT32 = 0x1b;
const DATA_RELATIVE_INT32 = 0x3b;
const UINT32 = 0x03;
const HEADER = 12;
const ENTRY = 8;
/** Of tables that are gone through one by one. */
const MOST_UNINDEXED = 16 * 1024 * 1024;
/** Int32, as a linker's own index has it. */
const LARGEST = 0x7fffffff;

/** Where each function starts and where its description is, in order. */
export interface FrameIndex {
  /** What the entries are relative to, in the file's own addresses. */
  readonly base: number;
  /** Pairs of int32. */
  readonly entries: Buffer;
}

/** From `.eh_frame_hdr`; static programs have none, and their tables are gone through once. */
export async function frameIndex(file: ElfFile): Promise<FrameIndex | undefined> {
  const header = file.section('.eh_frame_hdr');
  if (header === undefined) return indexOfAll(file);
  const bytes = await file.contents(header);
  const readable =
    bytes.length >= HEADER &&
    bytes[0] === 1 &&
    bytes[1] === PC_RELATIVE_INT32 &&
    bytes[2] === UINT32 &&
    bytes[3] === DATA_RELATIVE_INT32;
  if (!readable) return undefined;
  return { base: header.address, entries: bytes.subarray(HEADER, HEADER + bytes.readUInt32LE(8) * ENTRY) };
}

async function indexOfAll(file: ElfFile): Promise<FrameIndex | undefined> {
  const section = file.section('.eh_frame');
  if (section === undefined || section.size > MOST_UNINDEXED) return undefined;
  const bytes = await file.contents(section);
  const found: [start: number, description: number][] = [];
  for (let at = 0; at + HEADER <= bytes.length; at += bytes.readUInt32LE(at) + 4) {
    const isDescription = bytes.readUInt32LE(at + 4) !== 0;
    const start = at + 8 + bytes.readInt32LE(at + 8);
    if (isDescription && start <= LARGEST) found.push([start, at]);
    if (bytes.readUInt32LE(at) === 0) break;
  }
  found.sort(([one], [other]) => one - other);
  const entries = Buffer.alloc(found.length * ENTRY);
  for (const [index, [start, description]] of found.entries()) {
    entries.writeInt32LE(start, index * ENTRY);
    entries.writeInt32LE(description, index * ENTRY + 4);
  }
  return { base: section.address, entries };
}
