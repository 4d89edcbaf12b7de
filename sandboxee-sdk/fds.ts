import { InvalidArgument } from '../protocols/errors.js';
import { Fd } from '../protocols/fd.js';
import { FDS_VARIABLE, parseFdNames } from '../protocols/fd-names.js';

let waiting: Map<string, number> | undefined;

/**
 * The fd that the executor declared by this name, owned by the caller from here on: each is taken once.
 *
 * @throws InvalidArgument where there is none, or it was taken before
 */
export function takeFd(name: string): Fd {
  waiting ??= new Map(parseFdNames(process.env[FDS_VARIABLE] ?? ''));
  delete process.env[FDS_VARIABLE];
  const number = waiting.get(name);
  if (number === undefined) {
    const left = [...waiting.keys()].map((other) => `'${other}'`).join(', ');
    throw new InvalidArgument(`there is no fd '${name}'; ${left === '' ? 'none is' : `${left} are`} left to take`);
  }
  waiting.delete(name);
  return Fd.adopt(number);
}
