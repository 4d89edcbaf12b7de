import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Fd, MiB } from '../../broker/index.js';
import { provoke } from '../../examples/thumbnails/attacks.js';
import { openPicture } from '../../examples/thumbnails/files.js';
import { type Outcome, Thumbnailer } from '../../examples/thumbnails/thumbnailer.js';
import { leakGate } from '../support/leak-gate.js';
import { ownPicture, writeBomb } from './pictures.js';

/** More than the 268 megapixels that sharp takes; and just less. */
const [HUGE, LARGE] = [20_000, 16_000];

function refusal(outcome: Outcome): string {
  if (outcome.kind !== 'refused') throw new Error(`it was ${outcome.kind}`);
  return outcome.reason;
}

function lost(outcome: Outcome): Extract<Outcome, { kind: 'lost' }> {
  if (outcome.kind !== 'lost') throw new Error(`it was ${JSON.stringify(outcome)}`);
  return outcome;
}

describe('a file that is no good picture', () => {
  leakGate();
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
    writeFileSync(join(folder, 'truncated.jpg'), readFileSync(ownPicture('sunrise.jpg')).subarray(0, 9000));
    writeFileSync(join(folder, 'text.png'), 'This is no picture.\n');
    writeFileSync(join(folder, 'empty.gif'), '');
    writeBomb(join(folder, 'bomb.png'), HUGE);
    writeBomb(join(folder, 'large.png'), LARGE);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, reason] of [
    ['truncated.jpg', /premature end|truncated|VipsJpeg/i],
    ['text.png', /unsupported image format/],
    ['bomb.png', /exceeds pixel limit/],
  ] as const) {
    it(`(${name}) is refused in one line, and the same sandboxee goes on`, async () => {
      await using thumbnailer = new Thumbnailer();
      const { pid } = await thumbnailer.sandboxee();
      const said = refusal(await thumbnailer.make(openPicture(join(folder, name)), 64));
      expect(said).to.match(reason).and.to.not.contain('\n');
      expect((await thumbnailer.make(openPicture(ownPicture('dunes.webp')), 64)).kind).to.equal('made');
      expect((await thumbnailer.sandboxee()).pid).to.equal(pid);
    });
  }

  it('is not even opened where it is empty, a folder, a FIFO or not there, and it is said which', () => {
    expect(() => openPicture(join(folder, 'empty.gif'))).to.throw('the file is empty');
    expect(() => openPicture(folder)).to.throw('a folder');
    expect(() => openPicture('/dev/zero')).to.throw('/dev/zero is a character-device, not a file');
    expect(() => openPicture(join(folder, 'nowhere.jpg'))).to.throw('ENOENT');
  });

  it('that wants far more memory than there is, is refused by its decoder or ended by the limit', async () => {
    await using thumbnailer = new Thumbnailer({ memory: 256 * MiB, pixelLimit: false });
    const outcome = await thumbnailer.make(openPicture(join(folder, 'bomb.png')), 64);
    // RLIMIT_DATA lets Node 24 and 26 have more, since V8 maps so much there.
    if (outcome.kind === 'refused') expect(outcome.reason).to.match(/out of memory/);
    else expect(lost(outcome).result).to.include({ status: 'limit', which: 'memory' });
    expect((await thumbnailer.make(openPicture(ownPicture('dunes.webp')), 64)).kind).to.equal('made');
  });

  it('costs its sandboxee where it takes too much memory: only that picture is lost, and the limit is named', async () => {
    await using thumbnailer = new Thumbnailer({ memory: 192 * MiB, pixelLimit: false });
    const { pid } = await thumbnailer.sandboxee();
    const outcome = lost(await thumbnailer.make(openPicture(join(folder, 'large.png')), 64));
    expect(outcome.result).to.include({ status: 'limit', which: 'memory', asked: 192 * MiB });
    expect((await thumbnailer.make(openPicture(ownPicture('dunes.webp')), 64)).kind).to.equal('made');
    expect((await thumbnailer.sandboxee()).pid).to.not.equal(pid);
  });

  it('costs its sandboxee where it takes too long', async () => {
    await using thumbnailer = new Thumbnailer({ patience: 1, pixelLimit: false, memory: 2048 * MiB });
    const { result } = lost(await thumbnailer.make(openPicture(join(folder, 'bomb.png')), 64));
    expect(result).to.include({ status: 'killed', reason: 'it took too long over one picture' });
  });

  it('is closed in the broker whatever came of it', async () => {
    await using thumbnailer = new Thumbnailer();
    const file = Fd.open(join(folder, 'text.png'));
    await thumbnailer.make(file, 64);
    expect(() => file.number).to.throw();
  });
});

describe('a sandboxee that was taken over', () => {
  leakGate();

  it('is replaced for the next picture', async () => {
    await using thumbnailer = new Thumbnailer();
    expect(await provoke(thumbnailer, 'read-file')).to.include({ status: 'violation', kind: 'syscall' });
    expect((await thumbnailer.make(openPicture(ownPicture('dunes.webp')), 64)).kind).to.equal('made');
  });
});
