import { open } from 'node:fs/promises';
import { PlanError } from './errors.js';

const ELF_HEADER_SIZE = 64;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const PT_INTERP = 3;
const MOST_PROGRAM_HEADERS = 256;
const PROGRAM_HEADER_SIZE = 56;
const MOST_INTERPRETER = 4096;

/** The dynamic loader that an executable asks for; undefined for a static one. */
export async function elfInterpreter(path: string): Promise<string | undefined> {
  await using file = await openFile(path);
  const header = await file.read(0, ELF_HEADER_SIZE);
  const isElf = header.length === ELF_HEADER_SIZE && header.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'));
  if (!isElf)
    throw new PlanError(`${path} is not an ELF executable; give the program itself instead of a script that starts it`);
  if (header[4] !== CLASS_64 || header[5] !== LITTLE_ENDIAN) {
    throw new PlanError(
      `${path} is not a 64-bit little-endian executable, and sandboxees may run no other architecture`,
    );
  }
  const offset = Number(header.readBigUInt64LE(32));
  const size = header.readUInt16LE(54);
  const count = header.readUInt16LE(56);
  if (size !== PROGRAM_HEADER_SIZE || count > MOST_PROGRAM_HEADERS)
    throw new PlanError(`${path} has a damaged ELF header`);
  const table = await file.read(offset, size * count);
  for (let at = 0; at + size <= table.length; at += size) {
    if (table.readUInt32LE(at) !== PT_INTERP) continue;
    const length = Math.min(Number(table.readBigUInt64LE(at + 32)), MOST_INTERPRETER);
    const bytes = await file.read(Number(table.readBigUInt64LE(at + 8)), length);
    return bytes.toString('utf8').replace(/\0.*$/s, '');
  }
  return undefined;
}

interface ReadableFile extends AsyncDisposable {
  /** Fewer bytes than asked at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
}

async function openFile(path: string): Promise<ReadableFile> {
  const handle = await open(path, 'r');
  return {
    async read(position, length) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
