import { createRequire } from 'node:module';
import { LimitExceeded, UnsupportedValue } from './errors.js';
import { defaultLimits } from './limits.js';
import { hasLoneSurrogate } from './utf8.js';

type Msgpackr = typeof import('msgpackr/pack');

let packing: { readonly packr: InstanceType<Msgpackr['Packr']>; readonly mode: number } | undefined;

/**
 * Called by itself with the first value; behind a gate that is too late. This build of msgpackr has no native code and no
 * `new Function`. Nor has it the state of the `msgpackr` that the application may use, whose addExtension and useBuffer are in
 * force for all that import it. By require, since an import would spend 15 ms on looking for its exports.
 */
export function loadEncoder(): NonNullable<typeof packing> {
  if (packing !== undefined) return packing;
  const { Packr, RESET_BUFFER_MODE }: Msgpackr = createRequire(import.meta.url)('msgpackr/index-no-eval');
  const packr = new Packr({ useRecords: false, moreTypes: false, structuredClone: false, useToJSON: false });
  packing = { packr, mode: RESET_BUFFER_MODE };
  return packing;
}

/** What msgpackr is given. It writes these by what they are and asks them for nothing of their own. */
type Packable = null | boolean | number | bigint | string | Uint8Array | Packable[] | Map<string, Packable>;

/**
 * Encodes nil, bool, number, bigint, string, Uint8Array, arrays and plain objects, without any extension. Whatever msgpack
 * or the peer's decoder could not carry unchanged is an UnsupportedValue whose message leads to the part in question;
 * nothing is dropped or converted silently, but that -0 becomes 0.
 *
 * A number that is a 32-bit integer travels as an integer, any other number as a float64; a bigint as 64 bits.
 *
 * @param max bytes; LimitExceeded is thrown before the encoding of what is certainly larger
 */
export function encodeValue(value: unknown, max = defaultLimits.maxMessage): Buffer {
  const packable = new Checker(max).check(value);
  const { packr, mode } = loadEncoder();
  // msgpackr hands out a part of its buffer and, reset, uses that part again.
  return Buffer.from(packr.pack(packable, mode));
}

/**
 * Checks a value and copies its containers. msgpackr goes by `constructor`, which may be a key of the value's own, and
 * would read a getter or a proxy once more: so it gets what was checked, and nothing else.
 */
class Checker {
  readonly #max: number;
  #leastSize = 0;
  readonly #path: (string | number)[] = [];
  readonly #containers: object[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  check(value: unknown): Packable {
    this.#count(1);
    if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
    if (typeof value === 'string') return this.#string(value);
    if (typeof value === 'bigint') return this.#bigint(value);
    if (value instanceof Uint8Array) return this.#binary(value);
    if (typeof value === 'object') return this.#container(value);
    if (value === undefined) throw this.#unsupported('undefined cannot be sent; leave the key out, or send null');
    throw this.#unsupported(`a ${typeof value} cannot be sent`);
  }

  #container(value: object): Packable {
    if (this.#containers.includes(value)) throw this.#unsupported('it contains itself');
    // It bounds msgpackr's recursion as well.
    if (this.#containers.length === defaultLimits.value.depth) {
      throw this.#unsupported(`it nests deeper than ${defaultLimits.value.depth}`);
    }
    this.#containers.push(value);
    const copy = Array.isArray(value) ? this.#array(value) : this.#map(value);
    this.#containers.pop();
    return copy;
  }

  #array(items: readonly unknown[]): Packable {
    const copy: Packable[] = [];
    for (let index = 0; index < items.length; index++) {
      this.#path.push(index);
      copy.push(this.check(items[index]));
      this.#path.pop();
    }
    return copy;
  }

  #map(object: object): Packable {
    if (!isPlain(object)) {
      const name: unknown = Object.getPrototypeOf(object)?.constructor?.name;
      throw this.#unsupported(
        `a ${typeof name === 'string' && name ? name : 'class instance'} cannot be sent; make it a plain object`,
      );
    }
    if (Object.getOwnPropertySymbols(object).length > 0) throw this.#unsupported('it has a symbol as a key');
    const copy = new Map<string, Packable>();
    for (const [key, item] of Object.entries(object)) {
      this.#path.push(key);
      if (key === '__proto__') throw this.#unsupported('the key __proto__ cannot be sent');
      this.#count(1);
      copy.set(this.#string(key), this.check(item));
      this.#path.pop();
    }
    return copy;
  }

  #string(text: string): string {
    this.#count(text.length);
    if (hasLoneSurrogate(text)) throw this.#unsupported('the string has a lone surrogate, which has no UTF-8');
    return text;
  }

  #bigint(value: bigint): bigint {
    if (value < -(2n ** 63n) || value >= 2n ** 64n) throw this.#unsupported('the bigint does not fit 64 bits');
    return value;
  }

  #binary(bytes: Uint8Array): Uint8Array {
    this.#count(bytes.length);
    return bytes.constructor === Buffer || bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes);
  }

  /** msgpackr sets six times a string's length aside, and keeps it: so it gets none that is too large anyway. */
  #count(size: number): void {
    this.#leastSize += size;
    if (this.#leastSize <= this.#max) return;
    const message = `maxMessage: the value has more than ${this.#max} bytes, which is the limit`;
    throw new LimitExceeded('maxMessage', this.#leastSize, this.#max, message);
  }

  #unsupported(why: string): UnsupportedValue {
    const path = this.#path.map((step) => (typeof step === 'number' ? `[${step}]` : propertyPath(step))).join('');
    return new UnsupportedValue(path, why);
  }
}

function propertyPath(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** Also for an object of another realm (a vm context, as test runners use them). */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return (
    prototype === null ||
    prototype === Object.prototype ||
    (Object.prototype.toString.call(object) === '[object Object]' && Object.getPrototypeOf(prototype) === null)
  );
}
