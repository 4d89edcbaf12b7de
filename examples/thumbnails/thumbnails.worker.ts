/**
 * The untrusted half. Up to `sandboxMeHere()` it is ordinary trusted start-up: sharp and the native code behind it are
 * loaded and warmed up. After it, it can open nothing, and sees only the fds that it is handed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, readSync } from 'node:fs';
import { connect } from 'node:net';
import { type Fd, sandboxMeHere } from 'sallyport/sandboxee';
import sharp from 'sharp';
import { type Attack, HIGHEST_RATIO, type Job, receiveJob, sendPixels, sendRefusal } from './protocol.js';

sharp.cache(false);
await warmUp();
sharp.concurrency(4);

const gate = await sandboxMeHere();
for (;;) {
  const { job, file } = await receiveJob(gate.comms);
  if (job.kind === 'attack') attack(job.attack);
  else if (file) await makeThumbnail(job, file);
}

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

async function makeThumbnail({ width, pixelLimit }: Extract<Job, { kind: 'picture' }>, file: Fd): Promise<void> {
  try {
    const image = sharp(readWhole(file), pixelLimit ? {} : { limitInputPixels: false, unlimited: true });
    const { data, info } = await image
      .autoOrient()
      .resize({ width, height: width * HIGHEST_RATIO, fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { channels } = info;
    if (channels !== 3 && channels !== 4) throw new Error(`${channels} channels`);
    using pixels = await gate.requestBuffer(data.length);
    pixels.copyIn(data);
    await sendPixels(gate.comms, { kind: 'pixels', width: info.width, height: info.height, channels }, pixels);
  } catch (error) {
    await sendRefusal(gate.comms, error instanceof Error ? error.message.replaceAll('\n', ' ') : 'unknown error');
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
