/** Numbers, arguments and errnos, as a document writes them. */
import { constants } from 'node:os';
import { parseValue } from '../constants.js';
import { ERRNO_NAMES, type ErrnoName } from '../errno-names.js';
import { converted, oneOf, type Reading, type Shape, show } from './shape.js';

/** An integer that JavaScript holds exactly, or a text for `parseValue`. */
export const value: Shape<bigint> = {
  expected: 'a number, or a text such as "0x2a" or "PROT_READ|PROT_WRITE"',
  schema: { type: ['integer', 'string'] },
  read(given, path, reading) {
    if (typeof given === 'number' && Number.isSafeInteger(given)) return BigInt(given);
    if (typeof given === 'string') return parse(given, path, reading);
    return reading.fail(path, `${show(given)} is not ${value.expected}; beyond 2^53 numbers are written "0x…"`);
  },
};

function parse(text: string, path: string, reading: Reading): bigint | undefined {
  try {
    return parseValue(text, reading.arch);
  } catch (error) {
    if (error instanceof RangeError) return reading.fail(path, error.message);
    throw error;
  }
}

function integer(least: number, most: number, expected: string): Shape<number> {
  return {
    expected,
    schema: { type: 'integer', minimum: least, maximum: most },
    read(given, path, reading) {
      if (typeof given === 'number' && Number.isInteger(given) && given >= least && given <= most) return given;
      return reading.fail(path, `${show(given)} is not ${expected}`);
    },
  };
}

export const argumentIndex = integer(0, 5, 'the index of an argument, 0 to 5');

/** The fields of `struct sock_filter`. */
export const byte = integer(0, 0xff, 'a number from 0 to 255');
export const opcode = integer(0, 0xffff, 'a number of 16 bits');
export const operand = integer(0, 0xffffffff, 'an unsigned number of 32 bits');

/** Bytes. */
export const size = integer(4096, 2 ** 36, 'a size in bytes, from 4096 on');

export const errnoName: Shape<ErrnoName> = oneOf(ERRNO_NAMES, 'the name of an errno such as "EPERM"');

const anyErrno = integer(1, 4095, 'an errno: they go from 1 to 4095');

/** By name; what has no name is a number. */
export const errnoNumber: Shape<number> = {
  expected: errnoName.expected,
  schema: { anyOf: [errnoName.schema, anyErrno.schema] },
  read: (given, path, reading) => (typeof given === 'number' ? anyErrno : namedErrno).read(given, path, reading),
};

const namedErrno: Shape<number> = converted(errnoName, (name) => constants.errno[name]);
