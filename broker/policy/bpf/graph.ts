/**
 * A filter as a graph of blocks, built from its ends backwards: a block names the blocks that it goes on to, so that
 * jumps can only go forward, as the kernel demands. Equal blocks are the same object, so identical tails are shared
 * and two expressions with the same code compare equal by identity.
 */
export type Block = Return | Load | And | Branch;

/** Ends the filter with a SECCOMP_RET_* value. */
export interface Return {
  readonly kind: 'return';
  readonly id: number;
  readonly value: number;
}

/** Puts the 32-bit word of `seccomp_data` at this byte offset in the accumulator. */
export interface Load {
  readonly kind: 'load';
  readonly id: number;
  readonly offset: number;
  readonly next: Block;
}

export interface And {
  readonly kind: 'and';
  readonly id: number;
  readonly mask: number;
  readonly next: Block;
}

/** Compares the accumulator with `value`, unsigned; `bits`: whether they have a bit in common. */
export interface Branch {
  readonly kind: 'branch';
  readonly id: number;
  readonly test: 'equal' | 'at-least' | 'bits';
  readonly value: number;
  readonly yes: Block;
  readonly no: Block;
}

/** How many comparisons are looked behind for a load that is not needed. */
const FARTHEST_RELOAD = 64;

type Unidentified<Kind> = Kind extends Block ? Omit<Kind, 'id'> : never;

/** Makes the blocks of one filter. */
export class Graph {
  readonly #known = new Map<string, Block>();

  return(value: number): Block {
    return this.#intern(`return ${value}`, { kind: 'return', value });
  }

  /** What begins with a return or a load of its own does not care what is in the accumulator. */
  load(offset: number, next: Block): Block {
    if (next.kind === 'return' || next.kind === 'load') return next;
    const lean = this.#withoutReload(offset, next);
    return this.#intern(`load ${offset} ${lean.id}`, { kind: 'load', offset, next: lean });
  }

  and(mask: number, next: Block): Block {
    if (mask === 0xffffffff || next.kind === 'return' || next.kind === 'load') return next;
    return this.#intern(`and ${mask} ${next.id}`, { kind: 'and', mask, next });
  }

  branch(test: Branch['test'], value: number, yes: Block, no: Block): Block {
    if (yes === no) return yes;
    return this.#intern(`${test} ${value} ${yes.id} ${no.id}`, { kind: 'branch', test, value, yes, no });
  }

  /** Drops loads of the word that the accumulator holds already, where nothing but comparisons lie in between. */
  #withoutReload(offset: number, block: Block, depth = 0, done = new Map<Block, Block>()): Block {
    if (block.kind === 'load') return block.offset === offset ? block.next : block;
    if (block.kind !== 'branch' || depth > FARTHEST_RELOAD) return block;
    const known = done.get(block);
    if (known !== undefined) return known;
    const yes = this.#withoutReload(offset, block.yes, depth + 1, done);
    const no = this.#withoutReload(offset, block.no, depth + 1, done);
    const lean = this.branch(block.test, block.value, yes, no);
    done.set(block, lean);
    return lean;
  }

  #intern(key: string, block: Unidentified<Block>): Block {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const created: Block = { ...block, id: this.#known.size };
    this.#known.set(key, created);
    return created;
  }
}
