import { BadElf, ELF_LIMITS, readElf } from '../../../sandboxee-sdk/elf-reader/elf.js';
import { type FuzzTarget, mustHold } from '../target.js';
import { smallElf } from './small-elf.js';

const X86_64 = 62;
/** The table of program headers, or the dynamic section: the most that is read at once. */
const MOST_READ = 4096 * 16;

/** What a hostile ELF file says that it needs: bounded, whatever it says. */
export const elfNeeds: FuzzTarget = {
  name: 'elf-needs',
  most: 4096,
  words: ['\x7fELF\x02\x01', '\x03\0\0\0', '\x02\0\0\0', '\x01\0\0\0\0\0\0\0', '\x05\0\0\0\0\0\0\0', 'libc.so.6\0'],
  seeds: () => [smallElf()],
  run: (input) => {
    let reads = 0;
    const read = (position: number, length: number): Uint8Array => {
      reads += 1;
      mustHold(Number.isSafeInteger(position) && position >= 0, `it reads at ${position}`);
      mustHold(length <= MOST_READ, `it reads ${length} bytes`);
      return input.subarray(position, position + length);
    };
    try {
      const { interpreter, needed } = readElf(read, X86_64);
      mustHold(needed.length <= ELF_LIMITS.needed, 'it needs too many');
      for (const text of [interpreter ?? '', ...needed]) mustHold(text.length <= ELF_LIMITS.text, 'a name is too long');
    } catch (error) {
      if (!(error instanceof BadElf)) throw error;
    }
    mustHold(reads <= 4 + ELF_LIMITS.needed, `it reads ${reads} times`);
  },
};
