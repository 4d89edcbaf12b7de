import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { nodeMounts } from '../../broker/plan/visible.js';

describe('the secrets of a linked package', () => {
  let folder: string;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-linked-')));
    for (const name of ['app/node_modules', 'sallyport/.git', 'sallyport/dist'])
      mkdirSync(join(folder, name), { recursive: true });
    for (const name of ['app/main.js', 'sallyport/package.json', 'sallyport/.env'])
      writeFileSync(join(folder, name), '');
    symlinkSync('../../sallyport', join(folder, 'app/node_modules/sallyport'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('are hidden, also where the package is sallyport itself', async () => {
    const root = join(folder, 'sallyport');
    const mounts = await nodeMounts({
      execPath: process.execPath,
      script: join(folder, 'app/main.js'),
      sallyport: { root, paths: [join(root, 'package.json'), join(root, 'dist')] },
      read: [],
      reader: undefined,
    });
    const masked = mounts.filter(({ kind }) => kind === 'mask').map(({ target }) => target);
    expect(masked).to.have.members([join(root, '.env'), join(root, '.git')]);
  });
});
