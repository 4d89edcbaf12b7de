/** ELF files as an attacker would write them. */

export interface ElfShape {
  readonly needed?: readonly (string | Buffer)[];
  readonly interpreter?: string | Buffer;
  /** Changes the bytes at the end. */
  readonly broken?: (bytes: Buffer) => Buffer;
}

const HEADER = 64;
const PROGRAM_HEADER = 56;

/** One segment with everything in it, loaded at 0x400000. */
export function elfFile({ needed = [], interpreter, broken = (bytes) => bytes }: ElfShape): Buffer {
  const count = interpreter === undefined ? 2 : 3;
  const strings: Buffer[] = [Buffer.of(0)];
  const places = needed.map((name) => {
    const at = Buffer.concat(strings).length;
    strings.push(Buffer.concat([Buffer.from(name), Buffer.of(0)]));
    return at;
  });
  const table = Buffer.concat(strings);
  const dynamicAt = HEADER + count * PROGRAM_HEADER;
  const dynamicSize = (needed.length + 2) * 16;
  const tableAt = dynamicAt + dynamicSize;
  const loader = interpreter === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.from(interpreter), Buffer.of(0)]);
  const loaderAt = tableAt + table.length;
  const size = loaderAt + loader.length;
  const bytes = Buffer.alloc(size);
  bytes.write('\x7fELF', 'latin1');
  bytes.set([2, 1, 1], 4);
  bytes.writeUInt16LE(3, 16);
  bytes.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18);
  bytes.writeBigUInt64LE(BigInt(HEADER), 32);
  bytes.writeUInt16LE(PROGRAM_HEADER, 54);
  bytes.writeUInt16LE(count, 56);
  const segments: readonly (readonly [type: number, offset: number, size: number])[] = [
    [1, 0, size],
    [2, dynamicAt, dynamicSize],
    ...(interpreter === undefined ? [] : [[3, loaderAt, loader.length] as const]),
  ];
  for (const [index, [type, offset, length]] of segments.entries()) {
    const at = HEADER + index * PROGRAM_HEADER;
    bytes.writeUInt32LE(type, at);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(0x400000 + offset), at + 16);
    bytes.writeBigUInt64LE(BigInt(length), at + 32);
    bytes.writeBigUInt64LE(BigInt(length), at + 40);
  }
  const entries: readonly (readonly [tag: number, value: number])[] = [
    ...places.map((place) => [1, place] as const),
    [5, 0x400000 + tableAt],
    [0, 0],
  ];
  for (const [index, [tag, value]] of entries.entries()) {
    bytes.writeBigUInt64LE(BigInt(tag), dynamicAt + index * 16);
    bytes.writeBigUInt64LE(BigInt(value), dynamicAt + index * 16 + 8);
  }
  table.copy(bytes, tableAt);
  loader.copy(bytes, loaderAt);
  return broken(bytes);
}
