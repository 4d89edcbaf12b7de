/** A part of Sallyport that reads what others wrote, and what must hold of it whatever that is. */
export interface FuzzTarget {
  readonly name: string;
  /** Bytes of an input at most. */
  readonly most: number;
  /** Begins with these, beside what is kept in test/fuzz/corpus. */
  readonly seeds: () => readonly Uint8Array[];
  /** What inputs are likely to have in them. */
  readonly words: readonly string[];
  /** Throws where something does not hold. The input is its own. */
  readonly run: (input: Buffer) => void | Promise<void>;
}

/** Holds, or is a find. */
export function mustHold(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
