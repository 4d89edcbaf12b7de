/** A sandboxee of the broker's own: it is given ELF files as fds, and answers with what each says that it needs. */
import { readSync } from 'node:fs';
import { sandboxMeHere } from '../index.js';
import { BadElf, type ReadAt, readElf } from './elf.js';

/** EM_*, of elf.h. */
const MACHINE = process.arch === 'arm64' ? 183 : 62;

const gate = await sandboxMeHere();
for (;;) {
  using fd = await gate.comms.recvFd();
  const { number } = fd;
  await gate.comms.sendValue(
    answer((position, length) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(number, bytes, 0, length, position));
    }),
  );
}

function answer(read: ReadAt): { interpreter: string | null; needed: string[] } | { problem: string } {
  try {
    const { interpreter, needed } = readElf(read, MACHINE);
    return { interpreter, needed: [...needed] };
  } catch (error) {
    if (error instanceof BadElf) return { problem: error.message };
    return { problem: error instanceof Error ? `it cannot be read: ${error.message}` : 'it cannot be read' };
  }
}
