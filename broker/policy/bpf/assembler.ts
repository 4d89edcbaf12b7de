import type { Block, Branch } from './graph.js';

/** One `struct sock_filter`. Jumps are relative to the next instruction. */
export interface Instruction {
  readonly code: number;
  /** Instructions to skip where the test holds, and where it does not; at most 255. */
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** linux/bpf_common.h: class, size, mode, operation and source combined, as far as seccomp takes them. */
export const OPCODE = {
  load: 0x20, // BPF_LD | BPF_W | BPF_ABS
  and: 0x54, // BPF_ALU | BPF_AND | BPF_K
  jump: 0x05, // BPF_JMP | BPF_JA
  equal: 0x15, // BPF_JMP | BPF_JEQ | BPF_K
  'at-least': 0x35, // BPF_JMP | BPF_JGE | BPF_K
  bits: 0x45, // BPF_JMP | BPF_JSET | BPF_K
  return: 0x06, // BPF_RET | BPF_K
} as const;

/** BPF_MAXINSNS: the kernel answers EINVAL to a longer filter. */
export const MAX_INSTRUCTIONS = 4096;

export const INSTRUCTION_BYTES = 8;

const FARTHEST_BRANCH = 255;

/** The filter outgrew what the kernel takes. */
export class ProgramTooLong extends RangeError {
  constructor(length: number) {
    super(`the filter has ${length} instructions and the kernel takes ${MAX_INSTRUCTIONS}`);
    this.name = 'ProgramTooLong';
  }
}

/** Lays out the graph that begins at `entry`. */
export function assemble(entry: Block): readonly Instruction[] {
  const instructions = new Layout().lay(entry);
  if (instructions.length > MAX_INSTRUCTIONS) throw new ProgramTooLong(instructions.length);
  return instructions;
}

/** The bytes of `struct sock_filter[]`, little-endian as both architectures are. */
export function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  }
  return bytes;
}

/** They are placed from last to first, and what is placed last lies nearest. */
function successors(block: Block): readonly Block[] {
  switch (block.kind) {
    case 'return':
      return [];
    case 'load':
    case 'and':
      return [block.next];
    case 'branch':
      return [block.yes, block.no];
  }
}

/**
 * Emits from the last instruction to the first: what a block goes on to is already in place, so every distance is known
 * when it is needed. The number of a place counts from the end.
 */
class Layout {
  readonly #reversed: Instruction[] = [];
  /** Where each block can be entered: its own first instruction, or a nearer jump to it. */
  readonly #places = new Map<Block, number>();

  lay(entry: Block): readonly Instruction[] {
    // A stack of our own: the graph may be as deep as the filter is long.
    const waiting = [entry];
    for (let block = waiting.at(-1); block !== undefined; block = waiting.at(-1)) {
      const ahead = this.#places.has(block) ? [] : successors(block).filter((next) => !this.#places.has(next));
      if (ahead.length > 0) {
        waiting.push(...ahead);
        continue;
      }
      waiting.pop();
      this.#place(block);
    }
    return this.#reversed.toReversed();
  }

  #place(block: Block): void {
    if (this.#places.has(block)) return;
    switch (block.kind) {
      case 'return':
        this.#emit({ code: OPCODE.return, jt: 0, jf: 0, k: block.value });
        break;
      case 'load':
        this.#bringNear(block.next, 0);
        this.#emit({ code: OPCODE.load, jt: 0, jf: 0, k: block.offset });
        break;
      case 'and':
        this.#bringNear(block.next, 0);
        this.#emit({ code: OPCODE.and, jt: 0, jf: 0, k: block.mask });
        break;
      case 'branch':
        this.#emitBranch(block);
        break;
    }
    this.#places.set(block, this.#reversed.length - 1);
  }

  #emitBranch({ test, value, yes, no }: Branch): void {
    // One less for `yes`: bringing `no` nearer may put one more instruction in between.
    this.#bringNear(yes, FARTHEST_BRANCH - 1);
    this.#bringNear(no, FARTHEST_BRANCH);
    this.#emit({ code: OPCODE[test], jt: this.#distance(yes), jf: this.#distance(no), k: value });
  }

  /**
   * Puts an unconditional jump, whose reach is 32 bits, between here and a block that is too far away. Only a branch says
   * where it goes: after any other instruction comes the one behind it, so that nothing but 0 is near.
   */
  #bringNear(block: Block, farthest: number): void {
    const distance = this.#distance(block);
    if (distance <= farthest) return;
    this.#emit({ code: OPCODE.jump, jt: 0, jf: 0, k: distance });
    this.#places.set(block, this.#reversed.length - 1);
  }

  /** Instructions between the next one to be emitted and the block. */
  #distance(block: Block): number {
    const place = this.#places.get(block);
    if (place === undefined) throw new Error('a block is reached before it has a place');
    return this.#reversed.length - 1 - place;
  }

  #emit(instruction: Instruction): void {
    this.#reversed.push(instruction);
  }
}
