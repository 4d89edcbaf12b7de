import {
  FIELD_KINDS,
  type FieldKind,
  OPERATIONS,
  PLAN_LIMITS,
  PLAN_MAGIC,
  PLAN_VERSION,
} from '../../broker/plan/ops.js';

type Value = number | bigint | boolean | string | Uint8Array | Value[];
export interface DecodedStep {
  readonly op: string;
  readonly [field: string]: Value;
}

const shapes = new Map<number, [string, FieldKind][]>(
  Object.values(OPERATIONS).map(({ op, fields }) => [op, Object.entries(fields)]),
);

/** The name of a step by its number, as the launcher reports it. 0 stands for the time before the first step. */
export function operationName(op: number): string {
  if (op === 0) return 'start';
  return Object.entries(OPERATIONS).find(([, operation]) => operation.op === op)?.[0] ?? `unknown step ${op}`;
}

/** Written from the description of the layout and not from the encoder, to hold the two and the launcher's against each other. */
export function decodePlan(bytes: Uint8Array): DecodedStep[] {
  if (bytes.length > PLAN_LIMITS.size) throw new Error('too long');
  const reader = new Reader(Buffer.from(bytes));
  const [magic, version, count, size] = [reader.u32(), reader.u32(), reader.u32(), reader.u32()];
  if (magic !== PLAN_MAGIC || version !== PLAN_VERSION) throw new Error('not a plan');
  if (size !== bytes.length || count > PLAN_LIMITS.steps) throw new Error('wrong size');
  const steps: DecodedStep[] = [];
  for (let index = 0; index < count; index += 1) {
    const op = reader.u32();
    const inner = new Reader(reader.take(reader.u32()));
    const shape = shapes.get(op);
    if (shape === undefined) throw new Error(`no step ${op}`);
    const fields = shape.map(([name, kind]) => [name, inner.field(FIELD_KINDS[kind])] as const);
    inner.end();
    steps.push({ op: operationName(op), ...Object.fromEntries(fields) });
  }
  reader.end();
  return steps;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(size: number): Buffer {
    if (size > this.#bytes.length - this.#at) throw new Error('truncated');
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new Error('left over');
  }

  u32(): number {
    return this.take(4).readUInt32LE();
  }

  field(letter: (typeof FIELD_KINDS)[keyof typeof FIELD_KINDS]): Value {
    switch (letter) {
      case 'u':
        return this.u32();
      case 'i':
        return this.take(4).readInt32LE();
      case 'q':
        return this.take(8).readBigUInt64LE();
      case 'f': {
        const value = this.u32();
        if (value > 1) throw new Error('not a flag');
        return value === 1;
      }
      case 's':
        return this.#text();
      case 'p': {
        const path = this.#text();
        if (!path.startsWith('/')) throw new Error('not absolute');
        return path;
      }
      case 'b': {
        const size = this.u32();
        const bytes = this.take(size);
        this.#zeros(-size & 3);
        return bytes;
      }
      case 'S':
        return this.#list(() => this.#text());
      case 'U':
        return this.#list(() => this.u32());
      case 'Q':
        return this.#list(() => this.take(8).readBigUInt64LE());
    }
  }

  #text(): string {
    const size = this.u32();
    if (size > PLAN_LIMITS.text) throw new Error('text too long');
    const bytes = this.take(size);
    if (bytes.includes(0)) throw new Error('NUL');
    this.#zeros(4 - (size & 3));
    return bytes.toString('latin1');
  }

  #zeros(size: number): void {
    if (this.take(size).some((byte) => byte !== 0)) throw new Error('padding');
  }

  #list(item: () => Value): Value[] {
    const count = this.u32();
    if (count > PLAN_LIMITS.items) throw new Error('too many items');
    return Array.from({ length: count }, item);
  }
}
