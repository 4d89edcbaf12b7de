import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { listPictures, openPicture, ThumbnailNames } from '../../examples/thumbnails/files.js';
import type { Pixels } from '../../examples/thumbnails/protocol.js';
import { Thumbnailer } from '../../examples/thumbnails/thumbnailer.js';
import { leakGate } from '../support/leak-gate.js';
import { statusField } from '../support/processes.js';
import { type Decoded, decode, fieldMeans, OWN_PICTURES, ownPicture, ownPictures, writeBomb } from './pictures.js';

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
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('are born after the gate, and are filtered as the others', async () => {
    const path = join(folder, 'large.png');
    writeBomb(path, 6000);
    await using thumbnailer = new Thumbnailer();
    const { pid } = await thumbnailer.sandboxee();
    const threads = () => readdirSync(`/proc/${pid}/task`);
    const filters = (tid: string) => statusField(`${pid}/task/${tid}`, 'Seccomp_filters');
    const before = new Set(threads());
    let born: string[] = [];
    // libvips decides by itself when more threads would help.
    for (let picture = 0; picture < 10 && born.length === 0; picture += 1) {
      await make(thumbnailer, path, 3000);
      born = threads().filter((tid) => !before.has(tid));
    }
    expect(born).to.not.deep.equal([]);
    for (const tid of born) expect(filters(tid)).to.equal(filters(String(pid)));
  });
});
