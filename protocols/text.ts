/**
 * Text from a sandboxee, made safe to show: control characters, line separators, bidirectional overrides and lone
 * surrogates become escapes, so that it can neither move the cursor nor forge a line. Line feeds stay only where asked.
 */
export function escapeText(text: string, options: { readonly max: number; readonly keepLines?: boolean }): string {
  const escaped = Array.from(text.slice(0, options.max), (character) =>
    isUnsafe(character) && !(options.keepLines === true && character === '\n') ? escapeOne(character) : character,
  ).join('');
  return text.length > options.max ? `${escaped}… (${text.length - options.max} more)` : escaped;
}

function isUnsafe(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  if (code >= 0xd800 && code <= 0xdfff) return true;
  return (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code === 0x200e || code === 0x200f;
}

function escapeOne(character: string): string {
  switch (character) {
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    default:
      return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  }
}
