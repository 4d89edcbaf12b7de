import { defineInterface, type Infer, type SharedBuffer, t } from 'sallyport/protocols';

const WIDEST = 8192;
/** A thumbnail is at most this many times as high as it is wide. */
export const HIGHEST_RATIO = 16;

/** Part of the demonstration: what a sandboxee would do that was taken over. */
const attacks = t.enum(['read-file', 'open-socket', 'start-shell']);
export type Attack = Infer<typeof attacks>;

/** What the thumbnails app asks of its sandboxee. Both sides share this; what it says of sizes and kinds needs no check of theirs. */
export const Thumbnails = defineInterface('thumbnails@1', {
  make: t.method({
    input: { source: t.fd('file', { access: 'read' }), width: t.uint32({ min: 1, max: WIDEST }), pixelLimit: t.bool() },
    output: {
      pixels: t.sharedBuffer('writable'),
      width: t.uint32({ min: 1, max: WIDEST }),
      height: t.uint32({ min: 1, max: WIDEST * HIGHEST_RATIO }),
      hasAlpha: t.bool(),
    },
    errors: ['refused'],
  }),
  /** It does not answer: the sandboxee is to end by it. */
  attack: t.method({ input: { kind: attacks } }),
});

export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** Copied out: nobody else can change them any more. */
  readonly bytes: Buffer;
}

/** An answer of the right form that does not fit what was asked. */
export class HostileAnswer extends Error {
  override readonly name = 'HostileAnswer';
}

export interface Answer {
  readonly pixels: SharedBuffer;
  readonly width: number;
  readonly height: number;
  readonly hasAlpha: boolean;
}

/**
 * The broker's half, which trusts nothing: each number is checked against what was asked, and the pixels are copied out of
 * the memory that the sandboxee can still write before anything looks at them. Owns the buffer.
 *
 * @throws HostileAnswer
 */
export function takePixels({ pixels, width, height, hasAlpha }: Answer, asked: number): Pixels {
  using buffer = pixels;
  const channels = hasAlpha ? 4 : 3;
  if (width > asked || height > asked * HIGHEST_RATIO) {
    throw new HostileAnswer(`asked for ${asked} pixels of width, got ${width}×${height}`);
  }
  if (buffer.size !== width * height * channels) {
    throw new HostileAnswer(`${width}×${height}×${channels} pixels in ${buffer.size} bytes`);
  }
  return { width, height, channels, bytes: buffer.copyOut() };
}
