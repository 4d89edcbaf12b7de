import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { decode, ownPicture } from './pictures.js';

const app = fileURLToPath(new URL('../../examples/tool/app.js', import.meta.url));
const run = promisify(execFile);

describe('a program of the distribution, under a policy file', () => {
  leakGate();

  let folder: string;
  before(function () {
    if (!existsSync('/usr/bin/convert-im6.q16')) {
      console.log('      skipped: there is no ImageMagick here (Debian: apt-get install imagemagick)');
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), 'sallyport-tool-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  it('makes thumbnails of real pictures', async () => {
    const pictures = ['sunrise.jpg', 'bubbles-with-alpha.png', 'pulse.gif', 'night-portrait.tiff'].map(ownPicture);
    const { stdout } = await run(process.execPath, [app, '--out', folder, ...pictures]);
    expect(stdout.match(/exited with code 0/g)).to.have.length(pictures.length);
    const made = readdirSync(folder).map((name) => join(folder, name));
    expect(made).to.have.length(pictures.length);
    for (const { width } of await decode(...made)) expect(width).to.be.at.most(320);
  });

  it('gets nowhere by a picture that is a script', async () => {
    const script = join(folder, 'exploit.mvg');
    writeFileSync(
      script,
      `push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 'label:@/etc/passwd'\npop graphic-context\n`,
    );
    const { code, stdout } = await run(process.execPath, [app, '--out', folder, script]).catch((error) => error);
    expect(code).to.equal(1);
    expect(stdout).to.include('nothing came of it');
  });
});
