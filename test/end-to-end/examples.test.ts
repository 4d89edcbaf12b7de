import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { decode, ownPicture, ownPictures } from './pictures.js';

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function runExample(script: string, ...args: string[]): Promise<Run> {
  const path = fileURLToPath(new URL(`../../examples/${script}`, import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [path, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

describe('the thumbnails app', () => {
  leakGate();
  let folder: string;
  let out: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
    out = join(folder, 'out');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('without a path makes the thumbnails of its own pictures, and then shows attacks that fail', async () => {
    const { code, stdout, stderr } = await runExample('thumbnails/app.js', '--out', out, '--width', '64');
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    expect(readdirSync(out).sort()).to.deep.equal(ownPictures().map((name) => `${name}.webp`));
    for (const { width } of await decode(...readdirSync(out).map((name) => join(out, name))))
      expect(width).to.equal(64);
    expect(stdout).to.contain('seccomp: ').and.to.contain('network-namespace: ');
    expect(stdout).to.match(/\[1\/8\] aurora\.avif: 64×\d+ in \d+ ms → /);
    expect(stdout).to.contain('8 of 8 thumbnails');
    expect(stdout).to.match(
      /read \/etc\/passwd: stopped\. violation: openat\(AT_FDCWD, "\/etc\/passwd", O_RDONLY\|O_CLOEXEC/,
    );
    expect(stdout).to.match(/connect to 192\.0\.2\.1:443: stopped\. violation: socket\(AF_INET, SOCK_STREAM/);
    expect(stdout).to.match(/start \/bin\/sh: stopped\. violation: \w+\(/);
    expect(stdout).to.not.contain('NOT STOPPED');
  });

  it('with paths makes those of files and folders, says of each bad one what is wrong, and goes on', async () => {
    const album = join(folder, 'album');
    mkdirSync(album);
    mkdirSync(join(album, 'deeper'));
    writeFileSync(join(album, 'text.png'), 'no picture');
    writeFileSync(join(album, 'empty.jpg'), '');
    const { code, stdout } = await runExample(
      'thumbnails/app.js',
      '--out',
      out,
      '--width',
      '40',
      album,
      ownPicture('pulse.gif'),
      join(folder, 'gone.jpg'),
    );
    expect(code, 'not all could be made').to.equal(1);
    expect(readdirSync(out)).to.deep.equal(['pulse.gif.webp']);
    const lines = stdout.split('\n').filter((line) => /^\[\d\/5\]/.test(line));
    expect(lines).to.have.length(5);
    expect(lines[0]).to.match(/deeper: skipped\. a folder/);
    expect(lines[1]).to.match(/empty\.jpg: skipped\. the file is empty/);
    expect(lines[2]).to.match(/text\.png: refused\. .*unsupported image format/);
    expect(lines[3]).to.match(/pulse\.gif: 40×\d+ in /);
    expect(lines[4]).to.match(/gone\.jpg: skipped\. ENOENT/);
    expect(stdout).to.not.contain('misbehave');
  });

  it('refuses a width that is none', async () => {
    for (const width of ['0', 'wide', '1.5', '100000']) {
      const { code, stderr } = await runExample('thumbnails/app.js', '--out', out, '--width', width);
      expect(code).to.equal(1);
      expect(stderr).to.contain('a whole number from 1 to 8192');
    }
  });
});

describe('the CRC-4 example', () => {
  leakGate();

  it('prints the checksum that the sandboxee computed', async () => {
    const { code, stdout } = await runExample('crc4/crc4.js', '123456789');
    expect(code).to.equal(0);
    // The check value of CRC-4/G-704 (CRC-4-ITU).
    expect(stdout).to.equal('CRC-4 of "123456789": 0x7\n');
  });
});
