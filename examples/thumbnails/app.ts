/**
 * Makes thumbnails of pictures that may be hostile. The broker opens each file and hands over the fd; a sandboxee without
 * any other access decodes it and hands back raw pixels; the broker encodes them. Nothing of the file survives but pixels.
 */
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { describeLayer, describeResult, SallyportError } from 'sallyport';
import sharp from 'sharp';
import { demonstrateAttacks } from './attacks.js';
import { listPictures, openPicture, ThumbnailNames } from './files.js';
import { Thumbnailer } from './thumbnailer.js';
import type { Pixels } from './thumbnails.js';

/** From dist/examples/thumbnails to where the pictures are. */
const OWN_PICTURES = fileURLToPath(new URL('../../../examples/thumbnails/images', import.meta.url));

interface Options {
  readonly out: string;
  readonly width: number;
}

await new Command('thumbnails')
  .description('Makes thumbnails of pictures and folders of pictures, decoding them in a sandboxee')
  .argument('[paths...]', 'pictures and folders (default: the pictures of this example, and then some attacks)')
  .option('--out <folder>', 'where the thumbnails go', 'thumbnails')
  .option('--width <pixels>', 'width of the thumbnails', parseWidth, 320)
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    if (!(error instanceof SallyportError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  });

async function main(paths: readonly string[], { out, width }: Options): Promise<void> {
  mkdirSync(out, { recursive: true });
  const pictures = listPictures(paths.length > 0 ? paths : [OWN_PICTURES]);
  await using thumbnailer = new Thumbnailer();
  const sandboxee = await thumbnailer.sandboxee();
  console.log(`The sandboxee is process ${sandboxee.pid}. In force around it:`);
  for (const layer of sandboxee.layers) console.log(`  ${describeLayer(layer)}`);
  console.log();

  const names = new ThumbnailNames();
  let made = 0;
  for (const [index, path] of pictures.entries()) {
    const progress = `[${String(index + 1).padStart(String(pictures.length).length)}/${pictures.length}] ${basename(path)}`;
    const line = await makeOne(thumbnailer, path, join(out, names.next(path)), width);
    if (line.made) made += 1;
    console.log(`${progress}: ${line.text}`);
  }
  console.log(`\n${made} of ${pictures.length} thumbnails are in ${out}`);
  if (paths.length > 0) {
    process.exitCode = made === pictures.length ? 0 : 1;
    return;
  }
  console.log('\nNow the same sandboxee is told to misbehave:');
  await demonstrateAttacks(thumbnailer, (line) => console.log(`  ${line}`));
}

async function makeOne(
  thumbnailer: Thumbnailer,
  path: string,
  target: string,
  width: number,
): Promise<{ made: boolean; text: string }> {
  const start = performance.now();
  try {
    const outcome = await thumbnailer.make(openPicture(path), width);
    switch (outcome.kind) {
      case 'made': {
        await encode(outcome.pixels, target);
        const milliseconds = Math.round(performance.now() - start);
        return {
          made: true,
          text: `${outcome.pixels.width}×${outcome.pixels.height} in ${milliseconds} ms → ${target}`,
        };
      }
      case 'refused':
        return { made: false, text: `refused. ${outcome.reason}` };
      case 'lost':
        return { made: false, text: `lost. Its sandboxee was ended: ${describeResult(outcome.result)}` };
    }
  } catch (error) {
    return { made: false, text: `skipped. ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Encoding raw pixels is safe to do in the broker: there is nothing in them to parse. */
async function encode({ bytes, width, height, channels }: Pixels, target: string): Promise<void> {
  await sharp(bytes, { raw: { width, height, channels } }).webp({ quality: 82 }).toFile(target);
}

function parseWidth(text: string): number {
  const width = Number(text);
  if (!Number.isSafeInteger(width) || width < 1 || width > 8192)
    throw new InvalidArgumentError('a whole number from 1 to 8192');
  return width;
}
