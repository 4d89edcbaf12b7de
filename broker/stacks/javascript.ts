import { wordAt } from './elf-file.js';
import type { RemoteMemory } from './remote-memory.js';
import { boundedName, type ClaimedFunction } from './stack.js';
import type { V8Layout } from './v8-layout.js';

const POINTER = 8;
/** Enough of every object that is looked into, but for scope infos with many locals. */
const OBJECT = 128;
const LONGEST_TEXT = 512;
/** Of strings made of strings. */
const DEEPEST_STRING = 4;
const MOST_LOCALS = 1024;
/** After the locals come, each where there is one: a class variable, the function's name, its inferred name. */
const NAME_SLOTS = 4;

interface HeapObject {
  readonly address: number;
  readonly bytes: Buffer;
  readonly type: number;
}

/**
 * Names of JavaScript functions in the memory of a sandboxee. Whatever is there, this follows a fixed and small number of
 * pointers, each read bounded; what it finds is the sandboxee's own word.
 */
export class JavaScriptNames {
  readonly #memory: RemoteMemory;
  readonly #layout: V8Layout;

  constructor(memory: RemoteMemory, layout: V8Layout) {
    this.#memory = memory;
    this.#layout = layout;
  }

  /** @param pointer tagged, to what may be a JSFunction; null where it is none */
  async functionAt(pointer: number): Promise<ClaimedFunction | null> {
    const { shared, nameOrScopeInfo, script, types } = this.#layout;
    const info = await this.#object(tagged(await this.#untyped(pointer), shared));
    if (info?.type !== types.sharedFunctionInfo) return null;
    const [name, path] = await Promise.all([
      this.#functionName(tagged(info.bytes, nameOrScopeInfo)),
      this.#scriptName(tagged(info.bytes, script)),
    ]);
    return { function: boundedName(name), script: boundedName(path) };
  }

  async #functionName(pointer: number): Promise<string> {
    const object = await this.#object(pointer);
    if (object === undefined) return '';
    if (this.#isString(object)) return this.#text(object, DEEPEST_STRING);
    return object.type === this.#layout.types.scopeInfo ? this.#nameInScope(object) : '';
  }

  /** Where the name is depends on flags that V8 does not document: the first string after the locals, as llnode has it. */
  async #nameInScope(scope: HeapObject): Promise<string> {
    const { localCount, locals } = this.#layout.scopeInfo;
    const count = smallInteger(scope.bytes, POINTER * (1 + localCount));
    if (count < 0 || count > MOST_LOCALS) return '';
    const start = scope.address + POINTER * (1 + locals + count * 2);
    const slots = await this.#memory.read(start, POINTER * NAME_SLOTS);
    for (let at = 0; at + POINTER <= slots.length; at += POINTER) {
      const object = await this.#object(tagged(slots, at));
      const text = object !== undefined && this.#isString(object) ? await this.#text(object, DEEPEST_STRING) : '';
      if (text !== '') return text;
    }
    return '';
  }

  async #scriptName(pointer: number): Promise<string> {
    const script = await this.#object(pointer);
    if (script?.type !== this.#layout.types.script) return '';
    const name = await this.#object(tagged(script.bytes, this.#layout.scriptName));
    return name !== undefined && this.#isString(name) ? this.#text(name, DEEPEST_STRING) : '';
  }

  #isString({ type }: HeapObject): boolean {
    return type < this.#layout.types.firstNonString;
  }

  async #text({ address, bytes, type }: HeapObject, depth: number): Promise<string> {
    const { string, representation } = this.#layout;
    const part = async (offset: number): Promise<string> => {
      const object = depth === 0 ? undefined : await this.#object(tagged(bytes, offset));
      return object !== undefined && this.#isString(object) ? this.#text(object, depth - 1) : '';
    };
    switch (type & representation.mask) {
      case representation.thin:
        return part(string.actual);
      case representation.cons:
        return (await Promise.all([part(string.first), part(string.second)])).join('').slice(0, LONGEST_TEXT);
      case representation.sequential: {
        if (bytes.length < string.length + 4) return '';
        const length = Math.min(bytes.readUInt32LE(string.length), LONGEST_TEXT);
        const oneByte = (type & representation.encodingMask) === representation.oneByte;
        const text = await this.#memory.read(address + string.chars, oneByte ? length : length * 2);
        return text.toString(oneByte ? 'latin1' : 'utf16le');
      }
      default:
        return '';
    }
  }

  async #untyped(pointer: number): Promise<Buffer> {
    return isTagged(pointer) ? this.#memory.read(pointer - 1, OBJECT) : Buffer.alloc(0);
  }

  async #object(pointer: number): Promise<HeapObject | undefined> {
    const bytes = await this.#untyped(pointer);
    const map = await this.#untyped(tagged(bytes, 0));
    const { instanceType } = this.#layout;
    if (map.length < instanceType + 2) return undefined;
    return { address: pointer - 1, bytes, type: map.readUInt16LE(instanceType) };
  }
}

/** Of a heap object, rather than a small integer. */
export function isTagged(pointer: number): boolean {
  return Number.isSafeInteger(pointer) && pointer % 4 === 1;
}

/** 0 where it is beyond what was read. */
function tagged(bytes: Buffer, at: number): number {
  return at >= 0 && at + POINTER <= bytes.length ? wordAt(bytes, at) : 0;
}

/** In the upper half of its word; -1 where there is none. */
function smallInteger(bytes: Buffer, at: number): number {
  return at + POINTER <= bytes.length && bytes.readUInt32LE(at) === 0 ? bytes.readInt32LE(at + 4) : -1;
}
