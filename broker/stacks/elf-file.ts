import { type FileHandle, open } from 'node:fs/promises';

const HEADER = 64;
const PROGRAM_HEADER = 56;
const SECTION_HEADER = 64;
const SYMBOL = 24;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STT_NOTYPE = 0;
const LONGEST_NAME = 1024;
const MOST_HEADERS = 1024;
/** Of a section that is read whole. The largest in question, Node's string table, has 20 MB. */
const MOST_SECTION = 128 * 1024 * 1024;

interface Segment {
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** `address` and `size` in the file's own addresses. */
export interface ElfSymbol {
  readonly name: string;
  readonly address: number;
}

/**
 * An ELF file that the host itself trusts, e.g. the Node binary: never one that a sandboxee could have written. Checks are
 * there for files of other makes, not for hostile ones.
 */
export class ElfFile implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #segments: readonly Segment[];
  readonly sections: readonly Section[];

  private constructor(handle: FileHandle, segments: readonly Segment[], sections: readonly Section[]) {
    this.#handle = handle;
    this.#segments = segments;
    this.sections = sections;
  }

  /** Undefined where it is no 64-bit little-endian ELF file with sections. @param handle owned, also then */
  static async read(handle: FileHandle): Promise<ElfFile | undefined> {
    try {
      const header = await readAt(handle, 0, HEADER);
      if (header.length === HEADER && header.readUInt32BE(0) === 0x7f454c46 && header.readUInt16BE(4) === 0x0201) {
        const segments = await readSegments(handle, header);
        return new ElfFile(handle, segments, await readSections(handle, header));
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return undefined;
  }

  static async open(path: string): Promise<ElfFile | undefined> {
    return ElfFile.read(await open(path, 'r'));
  }

  section(name: string): Section | undefined {
    return this.sections.find((section) => section.name === name);
  }

  read(offset: number, length: number): Promise<Buffer> {
    return readAt(this.#handle, offset, length);
  }

  async contents({ offset, size }: Section): Promise<Buffer> {
    return size > MOST_SECTION ? Buffer.alloc(0) : readAt(this.#handle, offset, size);
  }

  /** What the loader maps from this place of the file. */
  addressOf(offset: number): number | undefined {
    const segment = this.#segments.find((one) => one.offset <= offset && offset < one.offset + one.fileSize);
    return segment === undefined ? undefined : offset - segment.offset + segment.address;
  }

  offsetOf(address: number): number | undefined {
    const segment = this.#segments.find((one) => one.address <= address && address < one.address + one.fileSize);
    return segment === undefined ? undefined : address - segment.address + segment.offset;
  }

  /** A 32-bit constant of the program: 0 where it is in memory that the file does not fill. */
  async constant(address: number): Promise<number | undefined> {
    const offset = this.offsetOf(address);
    if (offset !== undefined) {
      const bytes = await this.read(offset, 4);
      return bytes.length === 4 ? bytes.readInt32LE(0) : undefined;
    }
    const inMemory = this.#segments.some((one) => one.address <= address && address < one.address + one.memorySize);
    return inMemory ? 0 : undefined;
  }

  /** The functions that these addresses are in, from `.symtab`, or where the file is stripped, `.dynsym`. */
  async functionsAt(addresses: readonly number[]): Promise<Map<number, ElfSymbol>> {
    const found = new Map<number, ElfSymbol>();
    const table = this.#symbolTable();
    const strings = table === undefined ? undefined : this.sections[table.link];
    if (table === undefined || strings === undefined) return found;
    const bytes = await this.contents(table);
    for (const [address, { at, start }] of nearest(bytes, addresses)) {
      const name = await this.read(strings.offset + bytes.readUInt32LE(at), LONGEST_NAME);
      const end = name.indexOf(0);
      found.set(address, { name: name.toString('utf8', 0, end < 0 ? name.length : end), address: start });
    }
    return found;
  }

  /** Every symbol whose name begins so: for few, distinct names. */
  async symbolsNamed(prefix: string): Promise<ElfSymbol[]> {
    const table = this.#symbolTable();
    const strings = table === undefined ? undefined : this.sections[table.link];
    if (table === undefined || strings === undefined) return [];
    const text = await this.contents(strings);
    const names = new Map<number, string>();
    for (let at = text.indexOf(prefix); at >= 0; at = text.indexOf(prefix, at + 1)) {
      if (at > 0 && text[at - 1] !== 0) continue;
      names.set(at, text.toString('latin1', at, text.indexOf(0, at)));
    }
    const bytes = await this.contents(table);
    const found: ElfSymbol[] = [];
    for (let at = 0; at + SYMBOL <= bytes.length; at += SYMBOL) {
      const name = names.get(bytes.readUInt32LE(at));
      if (name !== undefined) found.push({ name, address: wordAt(bytes, at + 8) });
    }
    return found;
  }

  #symbolTable(): Section | undefined {
    const ofType = (type: number): Section | undefined => this.sections.find((section) => section.type === type);
    return ofType(SHT_SYMTAB) ?? ofType(SHT_DYNSYM);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** For each address the smallest function around it: where its entry is in the table, and where it starts. */
function nearest(table: Buffer, addresses: readonly number[]): Map<number, { at: number; start: number }> {
  const sorted = [...new Set(addresses)].sort((one, other) => one - other);
  const best = new Map<number, { at: number; start: number; size: number }>();
  for (let at = 0; at + SYMBOL <= table.length; at += SYMBOL) {
    const type = (table[at + 4] ?? 0) & 0xf;
    if (type !== STT_FUNC && type !== STT_NOTYPE) continue;
    const start = wordAt(table, at + 8);
    const size = wordAt(table, at + 16);
    for (let index = firstFrom(sorted, start); index < sorted.length; index += 1) {
      const address = sorted[index] ?? 0;
      if (address >= start + size) break;
      if (size < (best.get(address)?.size ?? Infinity)) best.set(address, { at, start, size });
    }
  }
  return best;
}

function firstFrom(sorted: readonly number[], least: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function readSegments(handle: FileHandle, header: Buffer): Promise<Segment[]> {
  const count = Math.min(header.readUInt16LE(56), MOST_HEADERS);
  const table = await readAt(handle, wordAt(header, 32), count * PROGRAM_HEADER);
  const segments: Segment[] = [];
  for (let at = 0; at + PROGRAM_HEADER <= table.length; at += PROGRAM_HEADER) {
    if (table.readUInt32LE(at) !== PT_LOAD) continue;
    segments.push({
      offset: wordAt(table, at + 8),
      address: wordAt(table, at + 16),
      fileSize: wordAt(table, at + 32),
      memorySize: wordAt(table, at + 40),
    });
  }
  return segments;
}

async function readSections(handle: FileHandle, header: Buffer): Promise<Section[]> {
  const count = Math.min(header.readUInt16LE(60), MOST_HEADERS);
  const table = await readAt(handle, wordAt(header, 40), count * SECTION_HEADER);
  const raw: (Omit<Section, 'name'> & { readonly nameAt: number })[] = [];
  for (let at = 0; at + SECTION_HEADER <= table.length; at += SECTION_HEADER) {
    raw.push({
      nameAt: table.readUInt32LE(at),
      type: table.readUInt32LE(at + 4),
      address: wordAt(table, at + 16),
      offset: wordAt(table, at + 24),
      size: wordAt(table, at + 32),
      link: table.readUInt32LE(at + 40),
    });
  }
  const strings = raw[header.readUInt16LE(62)];
  const text =
    strings === undefined ? Buffer.alloc(0) : await readAt(handle, strings.offset, Math.min(strings.size, 65536));
  return raw.map(({ nameAt, ...section }) => {
    const end = text.indexOf(0, nameAt);
    return { ...section, name: text.toString('latin1', nameAt, Math.max(nameAt, end)) };
  });
}

/** Exact below 2^53, which is beyond every address and size of user space. */
export function wordAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}
