import { ProtocolError } from './errors.js';

// ignoreBOM: true keeps a leading U+FEFF; by default the decoder swallows it, and two different keys become one.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Below this, a look at each byte and a latin1 copy are cheaper than the decoder. */
const SHORT = 32;

/** Copies text out of `bytes[start, end)`. Throws ProtocolError unless it is valid UTF-8. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  if (end - start <= SHORT && isAscii(bytes, start, end)) return bytes.toString('latin1', start, end);
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch (error) {
    throw new ProtocolError('the peer sent text that is not valid UTF-8', { cause: error });
  }
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if ((bytes[at] ?? 0x80) >= 0x80) return false;
  }
  return true;
}

/** A lone surrogate has no UTF-8: an encoder would replace it without a word. */
export function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}
