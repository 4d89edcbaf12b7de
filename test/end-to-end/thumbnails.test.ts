import { readdirSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { listPictures, openPicture, ThumbnailNames } from '../../examples/thumbnails/files.js';
import { Thumbnailer } from '../../examples/thumbnails/thumbnailer.js';
import type { Pixels } from '../../examples/thumbnails/thumbnails.js';
import { leakGate } from '../support/leak-gate.js';
import { statusField } from '../support/processes.js';
import { launchPuppet, perform } from '../support/puppet.js';
import { type Decoded, decode, fieldMeans, OWN_PICTURES, ownPicture, ownPictures } from './pictures.js';

const WIDTH = 96;

async function make(thumbnailer: Thumbnailer, path: string, width = WIDTH): Promise<Pixels> {
  const outcome = await thumbnailer.make(openPicture(path), width);
  if (outcome.kind !== 'made') throw new Error(`${path}: ${JSON.stringify(outcome)}`);
  return outcome.pixels;
}

describe('thumbnails of the own pictures', () => {
  leakGate();

  let wanted: ReadonlyMap<string, Decoded>;
  before(async () => {
    const names = ownPictures();
    const decoded = await decode(...names.map(ownPicture));
    wanted = new Map(decoded.map((picture, index) => [names[index] ?? '', picture]));
  });

  function wantedOf(name: string): Decoded {
    const found = wanted.get(name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  for (const name of ownPictures()) {
    it(`(${name}) have the right size, and each part of the picture in its place`, async () => {
      await using thumbnailer = new Thumbnailer();
      const pixels = await make(thumbnailer, ownPicture(name));
      const { width, height, channels, means } = wantedOf(name);
      expect(pixels.width).to.equal(Math.min(WIDTH, width));
      expect(pixels.height).to.be.closeTo((height * pixels.width) / width, 1);
      expect(pixels.channels).to.equal(channels);
      const made = fieldMeans(pixels);
      expect(made).to.have.length(means.length);
      for (const [index, mean] of made.entries()) expect(mean).to.be.closeTo(means[index] ?? -1, 10);
    });
  }

  it('are turned as the EXIF data says', async () => {
    const { width, height, orientation } = wantedOf('turned-by-exif.jpg');
    expect(orientation, 'it lies on its side in the file').to.be.greaterThan(4);
    await using thumbnailer = new Thumbnailer();
    const pixels = await make(thumbnailer, ownPicture('turned-by-exif.jpg'));
    expect(pixels.height / pixels.width).to.be.closeTo(height / width, 0.05);
  });

  it('are not larger than the picture', async () => {
    await using thumbnailer = new Thumbnailer();
    const { width, height } = wantedOf('sunrise.jpg');
    expect(await make(thumbnailer, ownPicture('sunrise.jpg'), 8000)).to.include({ width, height });
  });

  it('come from one sandboxee, one after the other', async () => {
    await using thumbnailer = new Thumbnailer();
    const { pid } = await thumbnailer.sandboxee();
    for (const path of listPictures([OWN_PICTURES])) await make(thumbnailer, path, 32);
    expect((await thumbnailer.sandboxee()).pid).to.equal(pid);
  });

  it('have names that begin with the name of the picture, and none twice', () => {
    const names = new ThumbnailNames();
    expect(['/a/x.jpg', '/b/x.jpg', '/b/y.png', '/c/x.jpg'].map((path) => names.next(path))).to.deep.equal([
      'x.jpg.webp',
      'x.jpg-2.webp',
      'y.png.webp',
      'x.jpg-3.webp',
    ]);
  });
});

describe('the threads that decode', () => {
  leakGate();

  it('are born after the gate, and are filtered as the others', async () => {
    // Loaded and not yet used: libvips has no worker of its own before the first picture.
    await using sandboxee = await launchPuppet({
      before: ({ require, state }) => {
        const sharp = require('sharp');
        sharp.concurrency(4);
        state.sharp = sharp;
      },
    });
    const threads = () => readdirSync(`/proc/${sandboxee.pid}/task`);
    const filters = (tid: string) => statusField(`${sandboxee.pid}/task/${tid}`, 'Seccomp_filters');
    const expected = filters(String(sandboxee.pid));
    const before = new Set(threads());
    const born = new Map<string, string>();
    const decoding = perform(sandboxee, async ({ state }) => {
      const sharp = state.sharp as typeof import('sharp').default;
      const create = { width: 4000, height: 4000, channels: 3, background: '#336699' } as const;
      const picture = await sharp({ create }).jpeg().toBuffer();
      for (let count = 0; count < 4; count += 1) await sharp(picture).resize(1500).sharpen().raw().toBuffer();
      return true;
    });
    let isDone = false;
    void decoding.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      for (const tid of threads()) {
        const found = before.has(tid) ? '' : filters(tid);
        if (found !== '') born.set(tid, found);
      }
      await nextTurn();
    }
    expect(await decoding).to.equal(true);
    expect(born.size).to.be.greaterThan(0);
    expect(new Set(born.values())).to.deep.equal(new Set([expected]));
  });
});
