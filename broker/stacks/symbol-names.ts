/** What the Itanium C++ ABI calls a nested or plain source name: `_ZN4node2fs4OpenERKN2v8…` and `_Z3fooi`. */
const MANGLED = /^_Z(?:L|(N)K?)?((?:\d|St|C[1-3]|D[0-3]).*)$/;

/**
 * `node::fs::Open` of `_ZN4node2fs4OpenE…`: the names alone, without templates or parameters. What is more than that stays
 * as it is.
 */
export function readableSymbol(symbol: string): string {
  const [, nested, encoded] = MANGLED.exec(symbol) ?? [];
  if (encoded === undefined) return symbol;
  const names: string[] = [];
  let rest = encoded;
  while (rest !== '' && !(nested !== undefined && rest.startsWith('E'))) {
    rest = rest.replace(/^L(?=\d)/, '');
    const length = /^\d+/.exec(rest)?.[0];
    if (length !== undefined) {
      const end = length.length + Number(length);
      const name = rest.slice(length.length, end);
      names.push(name === '_GLOBAL__N_1' ? '(anonymous)' : name);
      rest = rest.slice(end);
      if (nested === undefined) break;
    } else if (rest.startsWith('St')) {
      names.push('std');
      rest = rest.slice(2);
    } else if (/^[CD][0-3]/.test(rest) && names.length > 0) {
      names.push(`${rest.startsWith('D') ? '~' : ''}${names.at(-1)}`);
      rest = rest.slice(2);
    } else {
      return symbol;
    }
  }
  return names.length === 0 || rest.startsWith('I') ? symbol : names.join('::');
}
