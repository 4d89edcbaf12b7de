import { closeSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ElfFile } from '../../../broker/stacks/elf-file.js';
import { FrameTables } from '../../../broker/stacks/frame-tables.js';
import { readableSymbol } from '../../../broker/stacks/symbol-names.js';
import type { FuzzTarget } from '../target.js';
import { smallElf } from './small-elf.js';

const ADDRESSES = [0, 0x100, 0x104, 0x110, 0x13f, 0x140, 1500, 2 ** 40];

/** The tables of a program that stacks are read by: trusted, of any make, and so any bytes must come to an end. */
export const stackTables: FuzzTarget = {
  name: 'stack-tables',
  most: 4096,
  words: [
    '\x7fELF\x02\x01',
    '.eh_frame\0',
    '.eh_frame_hdr\0',
    '.symtab\0',
    '\x01\x1b\x03\x3b',
    'zR\0\x01\x78\x10\x01\x1b',
    '_ZN4node2fs',
    '\x0e\x10',
    '\x0a',
    '\x0b',
    '\x0f',
  ],
  seeds: () => {
    const file = smallElf();
    const bare = Buffer.from(file);
    bare.write('.eh_none_hdr', bare.indexOf('.eh_frame_hdr'));
    return [file, bare];
  },
  run: async (input) => {
    const path = join(tmpdir(), `sallyport-fuzz-${process.pid}.elf`);
    const fd = openSync(path, 'w+', 0o600);
    try {
      ftruncateSync(fd, 0);
      writeSync(fd, input);
      await using file = await ElfFile.open(path);
      if (file !== undefined) await readAll(file);
    } finally {
      closeSync(fd);
      unlinkSync(path);
    }
  },
};

async function readAll(file: ElfFile): Promise<void> {
  const tables = await FrameTables.of(file);
  for (const address of ADDRESSES) {
    await tables?.row(address);
    await file.constant(address);
    file.addressOf(address);
  }
  for (const { name } of (await file.functionsAt(ADDRESSES)).values()) readableSymbol(name);
  await file.symbolsNamed('v8dbg_');
}
