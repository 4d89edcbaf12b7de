import { type ElfFile, wordAt } from './elf-file.js';
import { type FrameIndex, frameIndex, PC_RELATIVE_INT32 } from './frame-index.js';

/** DWARF's numbers for x86-64: System V ABI, figure 3.36. */
const FRAME_POINTER = 6;
const STACK_POINTER = 7;
const RETURN_ADDRESS = 16;

const OMITTED = 0xff;

const LONGEST_RECORD = 64 * 1024;
const MOST_INSTRUCTIONS = 4096;
const MOST_SAVED_ROWS = 64;

/** Where the caller's registers are, for one instruction: CFA is `base` plus `offset`, the rest relative to the CFA. */
export interface FrameRow {
  readonly base: 'stack' | 'frame';
  readonly offset: number;
  readonly returnAddress: number;
  /** Undefined: the frame pointer is the caller's own. */
  readonly savedFrame: number | undefined;
}

/**
 * The call frame information (`.eh_frame`) of a trusted file for x86-64, as far as a stack trace needs it: what is said of
 * the frame pointer and the return address. Rows that take more, such as those of expressions, are left out.
 */
export class FrameTables {
  readonly #file: ElfFile;
  readonly #index: FrameIndex;
  readonly #rows = new Map<number, FrameRow | undefined>();

  private constructor(file: ElfFile, index: FrameIndex) {
    this.#file = file;
    this.#index = index;
  }

  static async of(file: ElfFile): Promise<FrameTables | undefined> {
    const index = process.arch === 'x64' ? await frameIndex(file) : undefined;
    return index === undefined ? undefined : new FrameTables(file, index);
  }

  /** @param address in the file's own addresses */
  async row(address: number): Promise<FrameRow | undefined> {
    if (!this.#rows.has(address)) this.#rows.set(address, await this.#find(address));
    return this.#rows.get(address);
  }

  async #find(address: number): Promise<FrameRow | undefined> {
    const { base } = this.#index;
    const description = this.#search(address - base);
    const offset = description === undefined ? undefined : this.#file.offsetOf(description + base);
    if (description === undefined || offset === undefined) return undefined;
    const record = await this.#record(offset);
    if (record === undefined) return undefined;
    const common = await this.#record(offset + 4 - record.readUInt32LE(4));
    if (common === undefined || common.readUInt32LE(4) !== 0) return undefined;
    try {
      return interpret(record, common, description + base, address);
    } catch (error) {
      // It ended before it should have.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /** Of the last function that starts at or before it; both relative to the index. */
  #search(address: number): number | undefined {
    const { entries } = this.#index;
    let low = 0;
    let high = Math.floor(entries.length / 8);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (entries.readInt32LE(middle * 8) <= address) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : entries.readInt32LE(low * 8 - 4);
  }

  /** With its length field, so that places in it are those in the file. */
  async #record(offset: number): Promise<Buffer | undefined> {
    const short = await this.#file.read(offset, 512);
    if (short.length < 8) return undefined;
    const length = short.readUInt32LE(0) + 4;
    if (length > LONGEST_RECORD || length < 12) return undefined;
    return length <= short.length ? short.subarray(0, length) : this.#file.read(offset, length);
  }
}

class Cursor {
  constructor(
    readonly bytes: Buffer,
    public at: number,
  ) {}

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes.readUInt8(this.at++);
  }

  skip(count: number): void {
    this.at += count;
  }

  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  signed(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return (byte & 0x40) === 0 ? value : value - scale * 128;
    }
  }

  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    const text = this.bytes.toString('latin1', this.at, end);
    this.at = end + 1;
    return text;
  }
}

/** undefined: the caller's value is in the register still. null: not to be found. */
type Rule = number | undefined | null;

interface State {
  base: number;
  offset: number;
  frame: Rule;
  returnAddress: Rule;
}

interface Common {
  readonly codeFactor: number;
  readonly dataFactor: number;
  readonly hasAugmentation: boolean;
  readonly instructions: Cursor;
}

function parseCommon(bytes: Buffer): Common | undefined {
  const cursor = new Cursor(bytes, 8);
  const version = cursor.byte();
  const augmentation = cursor.text();
  if ((version !== 1 && version !== 3) || !/^(z[RLP]*)?$/.test(augmentation)) return undefined;
  const codeFactor = cursor.unsigned();
  const dataFactor = cursor.signed();
  const returnColumn = version === 1 ? cursor.byte() : cursor.unsigned();
  if (returnColumn !== RETURN_ADDRESS) return undefined;
  if (augmentation !== '') {
    const end = cursor.unsigned() + cursor.at;
    for (const letter of augmentation.slice(1)) {
      const encoding = cursor.byte();
      if (letter === 'R' && encoding !== PC_RELATIVE_INT32) return undefined;
      if (letter === 'P') cursor.skip(encoding === OMITTED ? 0 : (encoding & 0xf) % 8 === 3 ? 4 : 8);
    }
    cursor.at = end;
  }
  return { codeFactor, dataFactor, hasAugmentation: augmentation !== '', instructions: cursor };
}

function interpret(record: Buffer, commonBytes: Buffer, recordAddress: number, address: number): FrameRow | undefined {
  const common = parseCommon(commonBytes);
  if (common === undefined) return undefined;
  const start = recordAddress + 8 + record.readInt32LE(8);
  if (address >= start + record.readUInt32LE(12)) return undefined;
  const cursor = new Cursor(record, 16);
  if (common.hasAugmentation) {
    const length = cursor.unsigned();
    cursor.skip(length);
  }
  const initial: State = { base: STACK_POINTER, offset: 8, frame: undefined, returnAddress: -8 };
  if (!run(common.instructions, common, initial, { ...initial }, Infinity)) return undefined;
  const state = { ...initial };
  if (!run(cursor, common, state, initial, address - start)) return undefined;
  const base = state.base === STACK_POINTER ? 'stack' : state.base === FRAME_POINTER ? 'frame' : undefined;
  if (base === undefined || typeof state.returnAddress !== 'number' || state.frame === null) return undefined;
  return { base, offset: state.offset, returnAddress: state.returnAddress, savedFrame: state.frame };
}

/** Up to the row of `wanted`, counted from the function's start. False where it meets what it does not know. DWARF 4, 6.4.2. */
function run(cursor: Cursor, common: Common, state: State, initial: State, wanted: number): boolean {
  const saved: State[] = [];
  let location = 0;
  const put = (register: number, rule: Rule): void => {
    if (register === FRAME_POINTER) state.frame = rule;
    if (register === RETURN_ADDRESS) state.returnAddress = rule;
  };
  const restore = (register: number): void =>
    put(register, register === FRAME_POINTER ? initial.frame : initial.returnAddress);

  for (let count = 0; count < MOST_INSTRUCTIONS && !cursor.done; count += 1) {
    const instruction = cursor.byte();
    const operand = instruction & 0x3f;
    let advance = 0;
    switch (instruction & 0xc0) {
      case 0x40:
        advance = operand;
        break;
      case 0x80:
        put(operand, cursor.unsigned() * common.dataFactor);
        break;
      case 0xc0:
        restore(operand);
        break;
      default:
        switch (operand) {
          case 0x00: // nop
            break;
          case 0x02: // advance_loc1
            advance = cursor.byte();
            break;
          case 0x03: // advance_loc2
            advance = cursor.byte() + cursor.byte() * 256;
            break;
          case 0x04: // advance_loc4
            advance = cursor.byte() + cursor.byte() * 2 ** 8 + cursor.byte() * 2 ** 16 + cursor.byte() * 2 ** 24;
            break;
          case 0x05: // offset_extended
            put(cursor.unsigned(), cursor.unsigned() * common.dataFactor);
            break;
          case 0x06: // restore_extended
            restore(cursor.unsigned());
            break;
          case 0x07: // undefined: of the return address, the outermost frame
            put(cursor.unsigned(), null);
            break;
          case 0x08: // same_value
            put(cursor.unsigned(), undefined);
            break;
          case 0x09: // register
            put(cursor.unsigned(), null);
            cursor.unsigned();
            break;
          case 0x0a: // remember_state
            if (saved.push({ ...state }) > MOST_SAVED_ROWS) return false;
            break;
          case 0x0b: // restore_state
            Object.assign(state, saved.pop() ?? initial);
            break;
          case 0x0c: // def_cfa
            state.base = cursor.unsigned();
            state.offset = cursor.unsigned();
            break;
          case 0x0d: // def_cfa_register
            state.base = cursor.unsigned();
            break;
          case 0x0e: // def_cfa_offset
            state.offset = cursor.unsigned();
            break;
          case 0x0f: // def_cfa_expression
            state.base = -1;
            cursor.skip(cursor.unsigned());
            break;
          case 0x10: // expression
          case 0x16: // val_expression
            put(cursor.unsigned(), null);
            cursor.skip(cursor.unsigned());
            break;
          case 0x2e: // GNU_args_size
            cursor.unsigned();
            break;
          default:
            return false;
        }
    }
    location += advance * common.codeFactor;
    if (location > wanted) return true;
  }
  return true;
}

/** What is above the frame: undefined where the stack does not say. */
export function wordIn(bytes: Buffer, at: number): number | undefined {
  return at >= 0 && at + 8 <= bytes.length ? wordAt(bytes, at) : undefined;
}
