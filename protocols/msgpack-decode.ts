import { ProtocolError } from './errors.js';
import { defaultLimits, type ValueLimits } from './limits.js';
import { decodeUtf8 } from './utf8.js';

/** What `sendValue` carries and `recvValue` returns. Integers that travel as 64 bits are bigint. */
export type Value = null | boolean | number | bigint | string | Uint8Array | Value[] | { [key: string]: Value };

interface OpenContainer {
  readonly array: Value[] | null;
  readonly map: { [key: string]: Value } | null;
  remaining: number;
}

/**
 * Decodes one msgpack value from `bytes[start, end)` and copies everything out. Throws ProtocolError unless it is exactly
 * one value within `limits`, made of nil, bool, int, float, str, bin, array and string-keyed map: every extension is
 * refused, as are duplicate and `__proto__` keys, and text that is not UTF-8.
 *
 * Decoding and checking are one pass, without recursion and without state that outlives the call. A library behind a checker
 * reads the bytes by rules of its own: msgpackr 2.1 drops a leading byte order mark from strings above 64 bytes, so that two
 * keys that a checker tells apart become one, and keeps the peer's keys in a cache of the process.
 */
export function decodeValue(
  bytes: Buffer,
  start = 0,
  end = bytes.length,
  limits: ValueLimits = defaultLimits.value,
): Value {
  if (end - start > limits.max)
    throw new ProtocolError(`the peer sent a value of ${end - start} bytes, the limit is ${limits.max}`);
  return new Decoder(bytes, start, end, limits).decode();
}

class Decoder {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #limits: ValueLimits;
  readonly #open: OpenContainer[] = [];
  #at: number;
  #nodes = 0;
  #keys = 0;

  constructor(bytes: Buffer, start: number, end: number, limits: ValueLimits) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#limits = limits;
  }

  decode(): Value {
    const root = this.#value();
    let container = this.#open.at(-1);
    while (container !== undefined) {
      if (container.remaining === 0) {
        this.#open.pop();
      } else {
        container.remaining--;
        if (container.array !== null) container.array.push(this.#value());
        else if (container.map !== null) this.#entry(container.map);
      }
      container = this.#open.at(-1);
    }
    if (this.#at !== this.#end) throw malformed(`${this.#end - this.#at} bytes follow it`);
    return root;
  }

  /** A container comes back empty and is left open on the stack: its elements are read next. */
  #value(): Value {
    if (++this.#nodes > this.#limits.nodes) throw malformed(`it has more than ${this.#limits.nodes} nodes`);
    const byte = this.#byte();
    if (byte < 0x80) return byte;
    if (byte < 0x90) return this.#openMap(byte & 0x0f);
    if (byte < 0xa0) return this.#openArray(byte & 0x0f);
    if (byte < 0xc0) return this.#text(byte & 0x1f);
    if (byte >= 0xe0) return byte - 0x100;
    switch (byte) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#binary(this.#byte());
      case 0xc5:
        return this.#binary(this.#bytes.readUInt16BE(this.#take(2)));
      case 0xc6:
        return this.#binary(this.#bytes.readUInt32BE(this.#take(4)));
      case 0xca:
        return this.#bytes.readFloatBE(this.#take(4));
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#take(8));
      case 0xcc:
        return this.#byte();
      case 0xcd:
        return this.#bytes.readUInt16BE(this.#take(2));
      case 0xce:
        return this.#bytes.readUInt32BE(this.#take(4));
      case 0xcf:
        return this.#bytes.readBigUInt64BE(this.#take(8));
      case 0xd0:
        return this.#bytes.readInt8(this.#take(1));
      case 0xd1:
        return this.#bytes.readInt16BE(this.#take(2));
      case 0xd2:
        return this.#bytes.readInt32BE(this.#take(4));
      case 0xd3:
        return this.#bytes.readBigInt64BE(this.#take(8));
      case 0xd9:
        return this.#text(this.#byte());
      case 0xda:
        return this.#text(this.#bytes.readUInt16BE(this.#take(2)));
      case 0xdb:
        return this.#text(this.#bytes.readUInt32BE(this.#take(4)));
      case 0xdc:
        return this.#openArray(this.#bytes.readUInt16BE(this.#take(2)));
      case 0xdd:
        return this.#openArray(this.#bytes.readUInt32BE(this.#take(4)));
      case 0xde:
        return this.#openMap(this.#bytes.readUInt16BE(this.#take(2)));
      case 0xdf:
        return this.#openMap(this.#bytes.readUInt32BE(this.#take(4)));
      default:
        throw malformed(`0x${byte.toString(16)} is an extension or undefined`);
    }
  }

  #entry(map: { [key: string]: Value }): void {
    if (++this.#keys > this.#limits.keys) throw malformed(`it has more than ${this.#limits.keys} keys`);
    const key = this.#key();
    if (key === '__proto__') throw malformed('it has a key __proto__');
    // Most keys are new to the object and to its prototype; `toString` and its like are defined, not assigned, so that a
    // frozen Object.prototype does not make the assignment fail.
    if (!(key in map)) {
      map[key] = this.#value();
      return;
    }
    if (Object.hasOwn(map, key)) throw malformed('it has a key twice');
    Object.defineProperty(map, key, { value: this.#value(), writable: true, enumerable: true, configurable: true });
  }

  #key(): string {
    const byte = this.#byte();
    if (byte >= 0xa0 && byte < 0xc0) return this.#text(byte & 0x1f);
    if (byte === 0xd9) return this.#text(this.#byte());
    if (byte === 0xda) return this.#text(this.#bytes.readUInt16BE(this.#take(2)));
    if (byte === 0xdb) return this.#text(this.#bytes.readUInt32BE(this.#take(4)));
    throw malformed('a map key is not a string');
  }

  #openArray(length: number): Value {
    const array: Value[] = [];
    this.#push({ array, map: null, remaining: length }, length);
    return array;
  }

  #openMap(length: number): Value {
    const map = {};
    this.#push({ array: null, map, remaining: length }, length * 2);
    return map;
  }

  #push(container: OpenContainer, leastBytes: number): void {
    if (this.#open.length === this.#limits.depth) throw malformed(`it nests deeper than ${this.#limits.depth}`);
    if (leastBytes > this.#end - this.#at) throw malformed('it is cut short');
    this.#open.push(container);
  }

  #text(length: number): string {
    const start = this.#take(length);
    return decodeUtf8(this.#bytes, start, start + length);
  }

  #binary(length: number): Value {
    const start = this.#take(length);
    const copy = Buffer.allocUnsafe(length);
    this.#bytes.copy(copy, 0, start, start + length);
    return copy;
  }

  #byte(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  #take(length: number): number {
    const start = this.#at;
    // Without this check a value could read on into what else lies in the slab.
    if (length > this.#end - start) throw malformed('it is cut short');
    this.#at = start + length;
    return start;
  }
}

function malformed(why: string): ProtocolError {
  return new ProtocolError(`the peer sent a msgpack value that is refused: ${why}`);
}
