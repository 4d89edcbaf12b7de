/** How a sandboxee learns the numbers of its fds: by its environment, since there is nothing else before its first line runs. */

/** Set where comms is not at its usual number. */
export const COMMS_VARIABLE = 'SALLYPORT_COMMS_FD';
/** `name:number`, separated by commas, for every declared fd that has a name. */
export const FDS_VARIABLE = 'SALLYPORT_FDS';

export interface NamedFd {
  /** Letters, digits, `_` and `-`. */
  readonly name: string;
  readonly number: number;
}

export function encodeFdNames(fds: readonly NamedFd[]): string {
  return fds.map(({ name, number }) => `${name}:${number}`).join(',');
}

export function parseFdNames(text: string): ReadonlyMap<string, number> {
  const pairs = text === '' ? [] : text.split(',').map((pair) => pair.split(':'));
  return new Map(pairs.map(([name = '', number]) => [name, Number(number)]));
}
