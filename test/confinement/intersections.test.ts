import { join } from 'node:path';
import { expect } from 'chai';
import { KiB } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet } from '../support/puppet.js';
import { onlyWithNamespaces } from '../support/tier.js';
import { attempt, HostFolder, paths } from './support.js';

describe('two policies about files, intersected', () => {
  leakGate();
  onlyWithNamespaces('mounts show these files; test/tiers/base-files.test.ts has what Landlock does');

  it('show what both show, writable where both say so, and nothing where they differ', async () => {
    const host = new HostFolder();
    try {
      const folder = host.folder('folder');
      host.file('folder/both', 'both');
      host.file('folder/differs/inner', 'of the host');
      host.folder('folder/open');
      host.file('elsewhere/inner', 'of elsewhere');
      const first = paths
        .addDirectory(folder)
        .addDirectoryAt(join(host.path, 'elsewhere'), join(folder, 'differs'))
        .addDirectory(join(folder, 'open'), { writable: true })
        .addTmpfs('/scratch', 64 * KiB)
        .build();
      const second = paths
        .addDirectory(folder, { writable: true })
        .addDirectory(join(host.path, 'elsewhere'))
        .addTmpfs('/scratch', 16 * KiB)
        .build();
      await using sandboxee = await launchPuppet({ policy: first.intersect(second) });
      const [both, write, differs, inner, elsewhere, ...memory] = await attempt(
        sandboxee,
        ['read', join(folder, 'both')],
        ['write', join(folder, 'both'), 1],
        ['list', join(folder, 'differs')],
        ['read', join(folder, 'differs/inner')],
        ['stat', join(host.path, 'elsewhere')],
        ['write', join(folder, 'open/new'), 1],
        ['write', '/scratch/small', 8 * KiB],
        ['write', '/scratch/large', 32 * KiB],
      );
      expect(both).to.equal('both');
      expect(['EROFS', 'EACCES']).to.include(write);
      expect([differs, inner, elsewhere]).to.deep.equal([[], 'ENOENT', 'ENOENT']);
      expect(memory).to.deep.equal(['done', 'done', 'ENOSPC']);
    } finally {
      host.remove();
    }
  });
});
