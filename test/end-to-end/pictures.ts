import { execFile } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';

/** From dist/test/end-to-end. */
export const OWN_PICTURES = fileURLToPath(new URL('../../../examples/thumbnails/images', import.meta.url));

export function ownPicture(name: string): string {
  return join(OWN_PICTURES, name);
}

export function ownPictures(): string[] {
  return readdirSync(OWN_PICTURES).sort();
}

export interface Raw {
  readonly bytes: Buffer;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** A whole picture as a viewer shows it, at its full size. */
export interface Decoded {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** 1 to 8, as EXIF has it; the rest is said of the picture once it is turned. */
  readonly orientation: number;
  readonly means: readonly number[];
}

export function decode(...paths: string[]): Promise<Decoded[]> {
  const script = fileURLToPath(new URL('../fixtures/decode.js', import.meta.url));
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, ...paths], (error, stdout) =>
      error ? reject(error) : resolve(JSON.parse(stdout)),
    );
  });
}

/**
 * Mean of each channel in each of 3×3 fields: what is where, whatever the size. A colour counts as much as it is opaque.
 */
export function fieldMeans({ bytes, width, height, channels }: Raw): number[] {
  const sums = new Float64Array(9 * channels);
  const counts = new Float64Array(9);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const field = Math.floor((y * 3) / height) * 3 + Math.floor((x * 3) / width);
      const at = (y * width + x) * channels;
      const opacity = channels === 4 ? (bytes[at + 3] ?? 0) / 255 : 1;
      counts[field] = (counts[field] ?? 0) + 1;
      for (let channel = 0; channel < channels; channel += 1) {
        const sum = field * channels + channel;
        sums[sum] = (sums[sum] ?? 0) + (bytes[at + channel] ?? 0) * (channel === 3 ? 1 : opacity);
      }
    }
  }
  return [...sums].map((sum, index) => sum / (counts[Math.floor(index / channels)] ?? 1));
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** zlib.crc32 came with Node 20.15 and 22.2. */
function crc(bytes: Buffer): number {
  return crc32(bytes) >>> 0;
}

/** Columns and rows of the seven passes of an interlaced PNG: first, and step. */
const ADAM7 = [
  [0, 8, 0, 8],
  [4, 8, 0, 8],
  [0, 4, 4, 8],
  [2, 4, 0, 4],
  [0, 2, 2, 4],
  [1, 2, 0, 2],
  [0, 1, 1, 2],
] as const;

/**
 * A PNG of `side`² black pixels in some kilobytes. It is interlaced: whoever decodes it must have all of it in memory,
 * one byte a pixel.
 */
export function writeBomb(path: string, side: number): void {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 1], 8);
  const passes = ADAM7.map(([x, dx, y, dy]) => {
    const columns = Math.ceil((side - x) / dx);
    return Math.ceil((side - y) / dy) * (1 + Math.ceil(columns / 8));
  });
  const rows = Buffer.alloc(passes.reduce((sum, bytes) => sum + bytes, 0));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(rows, { level: 1 });
  writeFileSync(
    path,
    Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]),
  );
}
