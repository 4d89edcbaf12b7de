export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Up to so many bytes, a loop is faster than to make a view of them for `set`. */
const FEW = 64;

/** `source[start, end)` to `target` from `at` on. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (end - start > FEW) {
    target.set(start === 0 && end === source.length ? source : source.subarray(start, end), at);
    return;
  }
  for (let from = start, to = at; from < end; from++, to++) target[to] = source[from] ?? 0;
}
