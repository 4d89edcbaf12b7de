import { UnsupportedValue } from './errors.js';
import { defaultLimits } from './limits.js';
import { hasLoneSurrogate } from './utf8.js';

const FIRST_SIZE = 512;

/**
 * Encodes nil, bool, number, bigint, string, Uint8Array, arrays and plain objects. Whatever msgpack or the peer's decoder
 * could not carry unchanged is an UnsupportedValue whose message leads to the part in question; nothing is dropped or
 * converted silently.
 *
 * A number that is a 32-bit integer travels as an integer, any other number as a float64; a bigint as 64 bits.
 */
export function encodeValue(value: unknown): Buffer {
  return new Encoder().encode(value);
}

class Encoder {
  #bytes = Buffer.allocUnsafe(FIRST_SIZE);
  #at = 0;
  readonly #path: (string | number)[] = [];
  readonly #containers: object[] = [];

  encode(value: unknown): Buffer {
    this.#value(value);
    return this.#bytes.subarray(0, this.#at);
  }

  #value(value: unknown): void {
    if (value === null) this.#byte(0xc0);
    else if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (typeof value === 'object') this.#container(value);
    else if (value === undefined) throw this.#unsupported('undefined cannot be sent; leave the key out, or send null');
    else throw this.#unsupported(`a ${typeof value} cannot be sent`);
  }

  #container(value: object): void {
    if (this.#containers.includes(value)) throw this.#unsupported('it contains itself');
    if (this.#containers.length === defaultLimits.value.depth) {
      throw this.#unsupported(`it nests deeper than ${defaultLimits.value.depth}`);
    }
    this.#containers.push(value);
    if (Array.isArray(value)) this.#array(value);
    else this.#map(value);
    this.#containers.pop();
  }

  #array(items: readonly unknown[]): void {
    this.#length(items.length, { fix: 0x90, fixMax: 15, wide: 0xdc });
    for (let index = 0; index < items.length; index++) {
      this.#path.push(index);
      this.#value(items[index]);
      this.#path.pop();
    }
  }

  #map(object: object): void {
    if (!isPlain(object)) {
      const name: unknown = Object.getPrototypeOf(object)?.constructor?.name;
      throw this.#unsupported(
        `a ${typeof name === 'string' && name ? name : 'class instance'} cannot be sent; make it a plain object`,
      );
    }
    if (Object.getOwnPropertySymbols(object).length > 0) throw this.#unsupported('it has a symbol as a key');
    const entries = Object.entries(object);
    this.#length(entries.length, { fix: 0x80, fixMax: 15, wide: 0xde });
    for (const [key, item] of entries) {
      this.#path.push(key);
      if (key === '__proto__') throw this.#unsupported('the key __proto__ cannot be sent');
      this.#string(key);
      this.#value(item);
      this.#path.pop();
    }
  }

  #number(value: number): void {
    if (Number.isInteger(value) && value >= -0x80000000 && value <= 0xffffffff && !Object.is(value, -0)) {
      this.#integer(value);
      return;
    }
    const at = this.#reserve(9);
    this.#bytes[at] = 0xcb;
    this.#bytes.writeDoubleBE(value, at + 1);
  }

  #integer(value: number): void {
    if (value >= -0x20 && value < 0x80) this.#byte(value & 0xff);
    else if (value < -0x8000) this.#sized(0xd2, value >>> 0, 4);
    else if (value < -0x80) this.#sized(0xd1, value & 0xffff, 2);
    else if (value < 0) this.#sized(0xd0, value & 0xff, 1);
    else if (value <= 0xff) this.#sized(0xcc, value, 1);
    else if (value <= 0xffff) this.#sized(0xcd, value, 2);
    else this.#sized(0xce, value, 4);
  }

  #bigint(value: bigint): void {
    if (value < -(2n ** 63n) || value >= 2n ** 64n) throw this.#unsupported('the bigint does not fit 64 bits');
    const at = this.#reserve(9);
    this.#bytes[at] = value < 0n ? 0xd3 : 0xcf;
    this.#bytes.writeBigUInt64BE(BigInt.asUintN(64, value), at + 1);
  }

  #string(text: string): void {
    if (hasLoneSurrogate(text)) throw this.#unsupported('the string has a lone surrogate, which has no UTF-8');
    const length = Buffer.byteLength(text);
    if (length < 32) this.#byte(0xa0 | length);
    else if (length <= 0xff) this.#sized(0xd9, length, 1);
    else if (length <= 0xffff) this.#sized(0xda, length, 2);
    else this.#sized(0xdb, length, 4);
    const at = this.#reserve(length);
    this.#bytes.write(text, at, length, 'utf8');
  }

  #binary(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length <= 0xff) this.#sized(0xc4, length, 1);
    else if (length <= 0xffff) this.#sized(0xc5, length, 2);
    else this.#sized(0xc6, length, 4);
    this.#bytes.set(bytes, this.#reserve(length));
  }

  #length(length: number, format: { fix: number; fixMax: number; wide: number }): void {
    if (length <= format.fixMax) this.#byte(format.fix | length);
    else if (length <= 0xffff) this.#sized(format.wide, length, 2);
    else this.#sized(format.wide + 1, length, 4);
  }

  #byte(byte: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = byte;
  }

  #sized(format: number, value: number, size: 1 | 2 | 4): void {
    const at = this.#reserve(1 + size);
    this.#bytes[at] = format;
    this.#bytes.writeUIntBE(value, at + 1, size);
  }

  #reserve(size: number): number {
    const at = this.#at;
    const needed = at + size;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    this.#at = needed;
    return at;
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
