import { wordIn } from './frame-tables.js';
import { type Mapping, mappingOf } from './mappings.js';
import type { TrustedFile, TrustedFiles } from './trusted-files.js';

export const MOST_FRAMES = 200;

/** Words. */
const FARTHEST_SEARCH = 512;

/** What is walked over: a copy of the stack, and where in it the thread was. */
export interface Snapshot {
  readonly instruction: number;
  readonly stack: number;
  readonly frame: number;
  /** From `stack` upwards. */
  readonly bytes: Buffer;
}

export interface RawFrame {
  /** Within the instruction that is under way, a call but for the innermost. */
  readonly instruction: number;
  readonly mapping: Mapping | undefined;
  readonly file: TrustedFile | undefined;
  /** By the file's own tables: then it is compiled C or C++. */
  readonly tabled: boolean;
  /** Where the frame pointer stood. */
  readonly frame: number;
}

interface Registers {
  readonly instruction: number;
  readonly stack: number;
  readonly frame: number;
}

/**
 * The frames of one thread, from a copy of its stack. Of trusted files by their tables of frames; else by the chain of frame
 * pointers, which Node, V8's own code and what V8 compiles keep. Code without them hides its caller, and the frame after is
 * right again; where there is nothing else, a frame is searched for. Each step goes up the stack, whatever it says, or is the last.
 */
export async function walk(snapshot: Snapshot, mappings: readonly Mapping[], files: TrustedFiles): Promise<RawFrame[]> {
  const frames: RawFrame[] = [];
  let registers: Registers = snapshot;
  while (frames.length < MOST_FRAMES) {
    const instruction = frames.length === 0 ? registers.instruction : registers.instruction - 1;
    const mapping = mappingOf(mappings, instruction);
    if (mapping === undefined && frames.length > 0) break;
    const file = mapping === undefined ? undefined : files.get(mapping.identity);
    const caller: Registers | undefined = await byTables(snapshot, registers, instruction, mapping, file);
    frames.push({ instruction, mapping, file, tabled: caller !== undefined, frame: registers.frame });
    const next = caller ?? byFramePointer(snapshot, registers) ?? bySearch(snapshot, registers, mappings);
    if (next === undefined || next.stack <= registers.stack || next.instruction === 0) break;
    registers = next;
  }
  return frames;
}

async function byTables(
  snapshot: Snapshot,
  registers: Registers,
  instruction: number,
  mapping: Mapping | undefined,
  file: TrustedFile | undefined,
): Promise<Registers | undefined> {
  if (mapping === undefined || file?.tables === undefined) return undefined;
  const address = file.elf.addressOf(instruction - mapping.start + mapping.offset);
  const row = address === undefined ? undefined : await file.tables.row(address);
  if (row === undefined) return undefined;
  const stack = registers[row.base] + row.offset;
  const returnAddress = word(snapshot, stack + row.returnAddress);
  const frame = row.savedFrame === undefined ? registers.frame : word(snapshot, stack + row.savedFrame);
  return returnAddress === undefined || frame === undefined ? undefined : { instruction: returnAddress, stack, frame };
}

function byFramePointer(snapshot: Snapshot, { frame, stack }: Registers): Registers | undefined {
  if (frame < stack || frame % 8 !== 0) return undefined;
  const saved = word(snapshot, frame);
  const instruction = word(snapshot, frame + 8);
  return saved === undefined || instruction === undefined
    ? undefined
    : { instruction, stack: frame + 16, frame: saved };
}

/**
 * Where the frame pointer holds something else, in code without either: the first place above that looks like a frame, one
 * that points further up, beside a return address. It can be one that is no longer in use.
 */
function bySearch(snapshot: Snapshot, { stack }: Registers, mappings: readonly Mapping[]): Registers | undefined {
  const top = snapshot.stack + snapshot.bytes.length;
  for (let words = 0; words < FARTHEST_SEARCH; words += 1) {
    const address = Math.ceil(stack / 8) * 8 + words * 8;
    const saved = word(snapshot, address);
    if (saved === undefined || saved <= address || saved >= top || saved % 8 !== 0) continue;
    const instruction = word(snapshot, address + 8);
    if (instruction === undefined || mappingOf(mappings, instruction - 1) === undefined) continue;
    return { instruction, stack: address + 16, frame: saved };
  }
  return undefined;
}

/** Of the copy; undefined beyond it. */
export function word(snapshot: Snapshot, address: number): number | undefined {
  return wordIn(snapshot.bytes, address - snapshot.stack);
}
