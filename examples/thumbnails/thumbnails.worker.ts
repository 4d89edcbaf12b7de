/**
 * The untrusted half. Up to `sandboxMeHere()` it is ordinary trusted start-up: sharp and the native code behind it are
 * loaded and warmed up. After it, it can open nothing, and sees only the fds that it is handed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, readSync } from 'node:fs';
import { connect } from 'node:net';
import type { Context } from 'sallyport/protocols';
import { type Fd, sandboxMeHere } from 'sallyport/sandboxee';
import sharp from 'sharp';
import { type Answer, type Attack, HIGHEST_RATIO, Thumbnails } from './thumbnails.js';

/** Characters. */
const MOST_REASON = 200;

sharp.cache(false);
await warmUp();
sharp.concurrency(4);

const gate = await sandboxMeHere();
gate.serve(Thumbnails, {
  make: ({ source, width, pixelLimit }, context) => makeThumbnail(source, width, pixelLimit, context),
  attack: ({ kind }) => {
    attack(kind);
    return new Promise(() => {});
  },
});

/** One small picture through every decoder that may be needed, so that what they load lazily is loaded. */
async function warmUp(): Promise<void> {
  const picture = sharp({ create: { width: 16, height: 16, channels: 3, background: '#808080' } });
  for (const format of ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const) {
    await sharp(await picture.clone().toFormat(format).toBuffer())
      .resize(8)
      .raw()
      .toBuffer();
  }
}

async function makeThumbnail(
  source: Fd,
  width: number,
  pixelLimit: boolean,
  context: Context<'refused'>,
): Promise<Answer> {
  try {
    const image = sharp(readWhole(source), pixelLimit ? {} : { limitInputPixels: false, unlimited: true });
    const { data, info } = await image
      .autoOrient()
      .resize({ width, height: width * HIGHEST_RATIO, fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3 && info.channels !== 4) throw new Error(`${info.channels} channels`);
    const pixels = await gate.requestBuffer(data.length);
    pixels.copyIn(data);
    return { pixels, width: info.width, height: info.height, hasAlpha: info.channels === 4 };
  } catch (error) {
    const why = error instanceof Error ? error.message.replaceAll('\n', ' ') : 'unknown error';
    throw context.fail('refused', why.slice(0, MOST_REASON));
  }
}

/** Owns and closes the fd. The file is read from its start whatever its offset is. */
function readWhole(file: Fd): Buffer {
  using owned = file;
  const bytes = Buffer.alloc(Number(owned.size));
  let length = 0;
  while (length < bytes.length) {
    const read = readSync(owned.number, bytes, length, bytes.length - length, length);
    if (read === 0) break;
    length += read;
  }
  return bytes.subarray(0, length);
}

/** What a decoder would try once somebody else has taken it over. */
function attack(kind: Attack): void {
  switch (kind) {
    case 'read-file':
      readFileSync('/etc/passwd');
      break;
    case 'open-socket':
      connect(443, '192.0.2.1');
      break;
    case 'start-shell':
      spawnSync('/bin/sh', ['-c', 'id'], { stdio: 'ignore' });
      break;
  }
}
