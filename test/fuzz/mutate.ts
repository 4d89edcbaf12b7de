import type { Dice } from '../proof/dice.js';

/** Where lengths, counts and offsets go wrong. */
const EDGES: readonly [number, ...number[]] = [
  0, 1, 2, 3, 4, 7, 8, 12, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 65535, 65536,
  0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff,
];

/** One input made of another: a few small changes, one upon the other. */
export function mutate(dice: Dice, input: Buffer, other: Buffer, words: readonly string[], most: number): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let count = 1 + dice.below(dice.once(4) ? 12 : 3); count > 0; count--) {
    bytes = change(dice, bytes, other, words).subarray(0, most);
  }
  return Buffer.from(bytes);
}

function change(dice: Dice, bytes: Buffer, other: Buffer, words: readonly string[]): Buffer {
  const at = dice.below(bytes.length + 1);
  const word = words.length > 0 ? Buffer.from(words[dice.below(words.length)] ?? '', 'latin1') : random(dice, 4);
  switch (dice.below(11)) {
    case 0:
      return spliced(bytes, at, 1, Buffer.from([(bytes[at] ?? 0) ^ (1 << dice.below(8))]));
    case 1:
      return spliced(bytes, at, 1, random(dice, 1));
    case 2:
      return spliced(bytes, at, 0, random(dice, 1 + dice.below(8)));
    case 3:
      return spliced(bytes, at, 1 + dice.below(Math.min(64, bytes.length + 1)), Buffer.alloc(0));
    case 4:
      return spliced(bytes, at, 0, bytes.subarray(at, at + 1 + dice.below(64)));
    case 5:
      return spliced(bytes, at, 0, part(dice, other));
    case 6:
      return spliced(bytes, at, 0, word);
    case 7:
      return spliced(bytes, at, word.length, word);
    case 8:
      return spliced(bytes, at, 4, number(dice, 4));
    case 9:
      return spliced(bytes, at, 2, number(dice, 2));
    default: {
      const moved = part(dice, bytes);
      return spliced(bytes, at, moved.length, moved);
    }
  }
}

function spliced(bytes: Buffer, at: number, gone: number, put: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + gone)]);
}

function part(dice: Dice, bytes: Buffer): Buffer {
  const at = dice.below(bytes.length + 1);
  return bytes.subarray(at, at + 1 + dice.below(128));
}

function random(dice: Dice, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => dice.below(256)));
}

function number(dice: Dice, size: 2 | 4): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(dice.pick(EDGES), 0);
  const cut = bytes.subarray(0, size);
  return dice.once(3) ? cut.reverse() : cut;
}

/** The shortest input found that still does what `fails` asks: without this half, without that quarter, and so on. */
export async function reduced(input: Buffer, fails: (input: Buffer) => Promise<boolean>): Promise<Buffer> {
  let best = input;
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.length; ) {
      const shorter = spliced(best, at, size, Buffer.alloc(0));
      if (await fails(Buffer.from(shorter))) best = shorter;
      else at += size;
    }
  }
  return best;
}
