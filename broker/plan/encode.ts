import { PlanError } from './errors.js';
import { type FieldKind, OPERATIONS, PLAN_LIMITS, PLAN_MAGIC, PLAN_VERSION } from './ops.js';
import type { Step } from './steps.js';

/** Encoding would replace one, and the launcher would be told of another file than the one that was meant. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * The plan as the launcher reads it (native/launcher/plan.c has the layout). Values are checked at run time too, since a
 * plan is built from what users wrote.
 *
 * @throws PlanError that names the step and the field of what is out of bounds
 */
export function encodePlan(steps: readonly Step[]): Uint8Array {
  if (steps.length > PLAN_LIMITS.steps) {
    throw new PlanError(
      `the plan has ${steps.length} steps, of which the launcher takes ${PLAN_LIMITS.steps}; grant folders instead of single files`,
    );
  }
  const writer = new PlanWriter();
  writer.u32(PLAN_MAGIC);
  writer.u32(PLAN_VERSION);
  writer.u32(steps.length);
  const sizeAt = writer.reserve();
  steps.forEach((step, index) => {
    encodeStep(writer, step, index);
  });
  writer.fill(sizeAt, writer.size);
  return writer.bytes();
}

function encodeStep(writer: PlanWriter, step: Step, index: number): void {
  const { op, fields } = OPERATIONS[step.op];
  const values: Readonly<Record<string, unknown>> = { ...step };
  writer.u32(op);
  const sizeAt = writer.reserve();
  for (const [name, kind] of Object.entries(fields)) {
    try {
      ENCODERS[kind](writer, values[name]);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new PlanError(`step ${index} (${step.op}), ${name}: ${error.message}`);
    }
  }
  writer.fill(sizeAt, writer.size - sizeAt - 4);
}

const ENCODERS: Readonly<Record<FieldKind, (writer: PlanWriter, value: unknown) => void>> = {
  u32: (writer, value) => writer.u32(unsigned32(value)),
  i32: (writer, value) => writer.u32(integer(value, -0x8000_0000, 0x7fff_ffff) >>> 0),
  u64: (writer, value) => writer.u64(unsigned64(value)),
  flag: (writer, value) => writer.u32(flag(value) ? 1 : 0),
  text: (writer, value) => writer.text(text(value)),
  path: (writer, value) => writer.text(canonicalPath(value)),
  bytes: (writer, value) => writer.byteString(byteString(value)),
  texts: (writer, value) => writer.list(list(value).map(text), (item) => writer.text(item)),
  paths: (writer, value) => writer.list(list(value).map(canonicalPath), (item) => writer.text(item)),
  u32s: (writer, value) => writer.list(list(value).map(unsigned32), (item) => writer.u32(item)),
  u64s: (writer, value) => writer.list(list(value).map(unsigned64), (item) => writer.u64(item)),
};

function integer(value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${String(value)} is not a whole number from ${least} to ${most}`);
  }
  return value;
}

function unsigned32(value: unknown): number {
  return integer(value, 0, 0xffff_ffff);
}

function unsigned64(value: unknown): bigint {
  if (typeof value !== 'bigint' || value < 0n || value > 0xffff_ffff_ffff_ffffn) {
    throw new RangeError(`${String(value)} is not a bigint of 64 bits without a sign`);
  }
  return value;
}

function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new RangeError(`${String(value)} is not a boolean`);
  return value;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new RangeError(`${String(value)} is not a string`);
  if (value.includes('\0'))
    throw new RangeError(`${JSON.stringify(value)} contains a NUL byte, which would end it early`);
  if (LONE_SURROGATE.test(value)) throw new RangeError(`${JSON.stringify(value)} is not well-formed Unicode`);
  const size = Buffer.byteLength(value);
  if (size > PLAN_LIMITS.text) throw new RangeError(`${size} bytes of text, where ${PLAN_LIMITS.text} are the most`);
  return value;
}

function canonicalPath(value: unknown): string {
  const path = text(value);
  const names = path.slice(1).split('/');
  const isCanonical = path === '/' || (path.startsWith('/') && names.every((name) => !['', '.', '..'].includes(name)));
  if (!isCanonical)
    throw new RangeError(`${JSON.stringify(path)} is not an absolute path without empty, \`.\` or \`..\` components`);
  return path;
}

function byteString(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new RangeError(`${String(value)} is not a Uint8Array`);
  return value;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new RangeError(`${String(value)} is not a list`);
  if (value.length > PLAN_LIMITS.items)
    throw new RangeError(`${value.length} items, where ${PLAN_LIMITS.items} are the most`);
  return value;
}

/** Grows as needed up to the most that a plan may have. */
class PlanWriter {
  #buffer = Buffer.alloc(16 * 1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  /** Leaves room for a u32 and returns where. */
  reserve(): number {
    return this.#take(4);
  }

  fill(at: number, value: number): void {
    this.#buffer.writeUInt32LE(value, at);
  }

  u32(value: number): void {
    const at = this.#take(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  u64(value: bigint): void {
    const at = this.#take(8);
    this.#buffer.writeBigUInt64LE(value, at);
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.u32(size);
    const at = this.#take(size + 1);
    this.#buffer.write(value, at);
  }

  byteString(value: Uint8Array): void {
    this.u32(value.length);
    const at = this.#take(value.length);
    this.#buffer.set(value, at);
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.u32(items.length);
    items.forEach(write);
  }

  /** The offset of `size` fresh bytes; padding to a multiple of four follows them, and all of it is zero. */
  #take(size: number): number {
    const at = this.#size;
    const end = (at + size + 3) & ~3;
    if (end > PLAN_LIMITS.size)
      throw new PlanError(
        `the plan is longer than the ${PLAN_LIMITS.size} bytes that the launcher takes; shorten arguments, environment or the list of paths`,
      );
    if (end > this.#buffer.length) {
      const larger = Buffer.alloc(Math.min(PLAN_LIMITS.size, Math.max(end, this.#buffer.length * 2)));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#size = end;
    return at;
  }
}
