import { isDeepStrictEqual } from 'node:util';
import { Unpackr } from 'msgpackr/unpack';
import { ProtocolError } from '../../../protocols/errors.js';
import { decodeValue, encodeValue, type Value } from '../../../protocols/msgpack.js';
import { type FuzzTarget, mustHold } from '../target.js';

const LIMITS = { max: 4096, nodes: 512, depth: 8, keys: 64 };
const BYTE_ORDER_MARK = '\ufeff';
const library = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'bigint' });

/** What is taken can be sent again, is the same for another implementation, and keeps within the limits. */
export const msgpack: FuzzTarget = {
  name: 'msgpack',
  most: LIMITS.max + 64,
  words: [
    '\x81\xa1a',
    '\xdc\0\x02',
    '\xdd\0\0\0\x01',
    '\xde\0\x01\xa1k',
    '\xd9\x02hi',
    '\xa9__proto__',
    '\xcf',
    '\xcb',
    '\xd4\x72\x40',
    '\xef\xbb\xbf',
  ],
  seeds: () =>
    [
      { a: [1, -1, 300, -300, 70000, 1.5, null, true], b: 'text', c: Buffer.from('bytes') },
      2n ** 63n,
      'x'.repeat(300),
    ].map((value) => encodeValue(value)),
  run: (input) => {
    let value: Value;
    try {
      value = decodeValue(input, 0, input.length, LIMITS);
    } catch (error) {
      if (error instanceof ProtocolError) return;
      throw error;
    }
    const size = sizeOf(value, 1);
    mustHold(size.nodes <= LIMITS.nodes, `${size.nodes} nodes were taken`);
    mustHold(size.depth <= LIMITS.depth + 1, `a depth of ${size.depth} was taken`);
    const again = decodeValue(encodeValue(value));
    mustHold(isDeepStrictEqual(plain(again), plain(value)), 'it is another value once it was sent on');
    // It drops a leading byte order mark, where text is long.
    if (size.hasMark) return;
    mustHold(isDeepStrictEqual(plain(library.unpack(input)), plain(value)), 'msgpackr reads another value');
  },
};

interface Size {
  readonly nodes: number;
  readonly depth: number;
  readonly hasMark: boolean;
}

function sizeOf(value: Value, depth: number): Size {
  if (typeof value === 'string') return { nodes: 1, depth, hasMark: value.includes(BYTE_ORDER_MARK) };
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array)
    return { nodes: 1, depth, hasMark: false };
  const keys = Array.isArray(value) ? [] : Object.keys(value);
  const inner = Object.values(value).map((each) => sizeOf(each, depth + 1));
  return {
    nodes: inner.reduce((sum, { nodes }) => sum + nodes, 1),
    depth: Math.max(depth, ...inner.map((each) => each.depth)),
    hasMark: inner.some(({ hasMark }) => hasMark) || keys.some((key) => key.includes(BYTE_ORDER_MARK)),
  };
}

/** Without the difference between ways to hold the same: bytes as bytes, integers as bigint, -0 as 0. */
function plain(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  if (Array.isArray(value)) return value.map(plain);
  return Object.entries(value).map(([key, each]) => [key, plain(each)]);
}
