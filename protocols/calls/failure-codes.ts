import { ProtocolError } from '../errors.js';

/** Codes that every method has, from the top of the 16 bits; those that it declares are from 0. */
const builtIn = ['internal', 'unavailable', 'limit', 'cancelled'] as const;
export type BuiltInCode = (typeof builtIn)[number];

export function codeNumber(code: BuiltInCode): number {
  return 0xffff - builtIn.indexOf(code);
}

export function isBuiltIn(code: string): code is BuiltInCode {
  return builtIn.some((each) => each === code);
}

export function codeName(number: number, declared: readonly string[]): string {
  const name = declared[number] ?? builtIn[0xffff - number];
  if (name === undefined) throw new ProtocolError(`the peer failed a call with code ${number}, which does not exist`);
  return name;
}
