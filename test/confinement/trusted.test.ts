import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { trustedPlaces } from '../../broker/plan/trusted.js';
import { packageRoot } from '../../native/locate.js';
import { leakGate } from '../support/leak-gate.js';
import { onlyWithNamespaces } from '../support/tier.js';
import { attempt, HostFolder, launchWith, paths, refusalOf } from './support.js';

const CANNOT_WRITE = ['EROFS', 'EACCES', 'EPERM'];
const writable = { writable: true } as const;

describe('what the host runs and trusts, in a writable folder', () => {
  leakGate();
  onlyWithNamespaces('mounts show these files; test/tiers/base-files.test.ts has what Landlock does');
  let host: HostFolder;

  beforeEach(() => {
    host = new HostFolder();
  });

  afterEach(() => host.remove());

  it('is a repository at any depth: nothing of it can be written, moved or replaced', async () => {
    const folder = host.folder('work');
    const hooks = ['work/.git/hooks/pre-commit', 'work/deep/er/project/.git/hooks/pre-commit'].map((name) =>
      host.file(name, '#!/bin/sh'),
    );
    host.file('work/worktree/.git', 'gitdir: /elsewhere');
    await using sandboxee = await launchWith(paths.addDirectory(folder, writable));
    for (const hook of hooks) {
      const git = dirname(dirname(hook));
      const [write, add, remove, chmod, rename, ...replace] = await attempt(
        sandboxee,
        ['write', hook, 1],
        ['write', join(git, 'hooks/post-merge'), 1],
        ['remove', hook],
        ['chmod', hook, 0o777],
        ['rename', hook, join(folder, 'hook')],
        ['rename', git, join(folder, 'moved')],
        ['rmdir', git],
      );
      for (const answer of [write, add, remove, chmod]) expect(CANNOT_WRITE).to.include(answer);
      expect(['EXDEV', ...CANNOT_WRITE]).to.include(rename);
      for (const answer of replace) expect(['EBUSY', 'EXDEV']).to.include(answer);
      expect(readFileSync(hook, 'utf8')).to.equal('#!/bin/sh');
    }
    const above = await attempt(
      sandboxee,
      ['rename', join(folder, 'deep'), join(folder, 'other')],
      ['rename', join(folder, 'deep/er'), join(folder, 'other')],
      ['rename', join(folder, 'deep/er/project'), join(folder, 'other')],
      ['rename', join(folder, 'worktree'), join(folder, 'other')],
    );
    for (const answer of above) expect(['EBUSY', 'EXDEV']).to.include(answer);
    const [gitFile, beside] = await attempt(
      sandboxee,
      ['write', join(folder, 'worktree/.git'), 1],
      ['write', join(folder, 'deep/er/project/code.js'), 1],
    );
    expect(CANNOT_WRITE).to.include(gitFile);
    expect(beside).to.equal('done');
  });

  it('is not reached by links: neither hard ones nor symlinks nor a rename over it', async () => {
    const folder = host.folder('work');
    const hook = host.file('work/.git/hooks/pre-commit', '#!/bin/sh');
    await using sandboxee = await launchWith(paths.addDirectory(folder, writable));
    const [link, made, through, over, exchange] = await attempt(
      sandboxee,
      ['link', hook, join(folder, 'linked')],
      ['symlink', join(folder, '.git'), join(folder, 'soft')],
      ['write', join(folder, 'soft/hooks/pre-commit'), 1],
      ['rename', join(folder, 'soft'), join(folder, '.git')],
      ['rename', join(folder, 'soft'), hook],
    );
    expect(['EXDEV', ...CANNOT_WRITE]).to.include(link);
    expect(made).to.equal('done');
    expect(CANNOT_WRITE).to.include(through);
    expect(['EBUSY', 'EISDIR', 'ENOTDIR', 'EXDEV']).to.include(over);
    expect(['EXDEV', ...CANNOT_WRITE]).to.include(exchange);
    expect(readFileSync(hook, 'utf8')).to.equal('#!/bin/sh');
  });

  it('cannot be granted itself, nor by a symlink, nor a repository or what is in it', async () => {
    host.file('work/.git/hooks/pre-commit');
    symlinkSync('work/.git/hooks', join(host.path, 'harmless'));
    symlinkSync(packageRoot(), join(host.path, 'sallyport'));
    expect(await refusalOf(paths.addDirectory(join(host.path, 'harmless'), writable))).to.include('git runs what');
    for (const place of [packageRoot(), join(packageRoot(), 'dist'), join(host.path, 'sallyport')]) {
      expect(await refusalOf(paths.addDirectory(place, writable)), place).to.include('cannot be writable');
    }
    const script = process.argv[1] ?? '';
    expect(await refusalOf(paths.addFile(script, writable))).to.match(/cannot be writable|is a directory/);
    const puppet = fileURLToPath(new URL('../fixtures/puppet.js', import.meta.url));
    expect(await refusalOf(paths.addFile(puppet, writable))).to.include('cannot be writable');
  });

  it('is also a repository that is only a symlink, for which the whole folder is refused', async () => {
    const folder = host.folder('work');
    symlinkSync('elsewhere', join(folder, '.git'));
    expect(await refusalOf(paths.addDirectory(folder, writable))).to.include('is a symlink, which nothing can protect');
  });

  it('makes a folder above a program unwritable where modules for it could be put there', async () => {
    const folder = host.folder('work');
    const script = host.file('work/deep/app/server.js', 'old');
    host.file('work/node_modules/a/index.js', 'old');
    const [own] = process.argv.splice(1, 1, script);
    try {
      expect(await refusalOf(paths.addDirectory(folder, writable))).to.include(
        `would load what is put into ${join(folder, 'deep/node_modules')}`,
      );
      host.folder('work/deep/node_modules');
      await using sandboxee = await launchWith(paths.addDirectory(folder, writable));
      const [write] = await attempt(sandboxee, ['mkdir', join(folder, 'deep/node_modules/a')]);
      expect(CANNOT_WRITE).to.include(write);
    } finally {
      process.argv.splice(1, 1, own ?? '');
    }
  });

  it('is what the launch names, such as the policy’s own file', async () => {
    const folder = host.folder('work');
    const file = host.file('work/policy/policy.json', '{}');
    await using sandboxee = await launchWith(paths.addDirectory(folder, writable), { trusted: [file] });
    const [write, remove, above, beside] = await attempt(
      sandboxee,
      ['write', file, 1],
      ['remove', file],
      ['rename', dirname(file), join(folder, 'other')],
      ['write', join(folder, 'policy/other.json'), 1],
    );
    expect(CANNOT_WRITE).to.include(write);
    expect([remove, above, beside]).to.deep.equal(['EBUSY', 'EBUSY', 'done']);
    expect(readFileSync(file, 'utf8')).to.equal('{}');
  });

  it('is the program of the broker, wherever it lies in the folder', async () => {
    const folder = host.folder('work');
    const script = host.file('work/app/bin/server.js', 'old');
    host.file('work/node_modules/a/index.js', 'old');
    host.file('work/app/lib/used.js', 'old');
    host.file('work/app/package.json', '{}');
    const [own] = process.argv.splice(1, 1, script);
    try {
      await using sandboxee = await launchWith(paths.addDirectory(folder, writable));
      const [server, used, shadow, modules, move, beside] = await attempt(
        sandboxee,
        ['write', script, 1],
        ['write', join(folder, 'app/lib/used.js'), 1],
        ['mkdir', join(folder, 'app/node_modules')],
        ['write', join(folder, 'node_modules/a/index.js'), 1],
        ['rename', join(folder, 'app'), join(folder, 'other')],
        ['write', join(folder, 'data'), 1],
      );
      for (const answer of [server, used, shadow, modules]) expect(CANNOT_WRITE).to.include(answer);
      expect([move, beside]).to.deep.equal(['EBUSY', 'done']);
      expect(await refusalOf(paths.addDirectory(join(folder, 'app'), writable))).to.include('the host runs a script');
      expect(await refusalOf(paths.addFile(script, writable))).to.include('cannot be writable');
      await using data = await launchWith(paths.addDirectory(host.folder('work/app/data'), writable));
      expect(await attempt(data, ['write', join(folder, 'app/data/x'), 1])).to.deep.equal(['done']);
    } finally {
      process.argv.splice(1, 1, own ?? '');
    }
  });

  it('is a program that is named by its folder, or without its extension, as well', () => {
    const script = host.file('app/server.js');
    const folder = dirname(script);
    for (const named of [folder, join(folder, 'server')]) {
      const { folders } = trustedPlaces({ executables: [], scripts: [named], places: [] });
      expect(folders[0], named).to.equal(folder);
    }
  });

  it('are the packages and the manifests of every folder above a script, where there are any', () => {
    const script = host.file('app/dist/server.js');
    const named = host.file('app/package.json');
    host.file('app/node_modules/a/index.js');
    mkdirSync(join(host.path, 'elsewhere'));
    symlinkSync('../../elsewhere', join(host.path, 'app/dist/node_modules'));
    const { places, folders } = trustedPlaces({ executables: [], scripts: [script], places: ['/nowhere'] });
    expect(places).to.include.members([
      script,
      named,
      join(host.path, 'app/node_modules'),
      join(host.path, 'app/dist/node_modules'),
      join(host.path, 'elsewhere'),
    ]);
    expect(places).to.not.include('/nowhere');
    expect(folders).to.deep.equal([dirname(script), join(host.path, 'app')]);
  });

  it('is not reached through a symlink that another sandboxee has made', async function () {
    if (process.geteuid?.() !== 0) {
      console.log('      a sandboxee of an ordinary user has the ids of the user');
      this.skip();
    }
    const folder = host.folder('work');
    const secret = host.file('secret/file', 'secret');
    await using hostile = await launchWith(paths.addDirectory(folder, writable));
    const link = join(folder, 'link');
    expect(await attempt(hostile, ['symlink', dirname(secret), link])).to.deep.equal(['done']);
    expect(await refusalOf(paths.addDirectory(link))).to.match(/link is a symlink that uid \d+ has made/);
    expect(await refusalOf(paths.addFile(join(link, 'file')))).to.match(/link is a symlink that uid \d+ has made/);
  });

  it('is not shown while another sandboxee swaps the folder for a symlink', async () => {
    const folder = host.folder('work/inner');
    host.file('secret/file', 'secret');
    await using hostile = await launchWith(paths.addDirectory(join(host.path, 'work'), writable));
    const away = join(host.path, 'work/away');
    let isOver = false;
    const swapping = (async () => {
      while (!isOver) {
        const back = [
          ['remove', folder],
          ['rename', away, folder],
        ] as const;
        await attempt(hostile, ['rename', folder, away], ['symlink', '/nowhere', folder], ...back);
      }
    })();
    const launches: (readonly string[])[] = [];
    for (let turn = 0; turn < 8; turn++) {
      const listed = await launchWith(paths.addDirectory(folder)).then(
        async (sandboxee) => {
          await using victim = sandboxee;
          return (await attempt(victim, ['list', folder])).map(String);
        },
        (error: unknown) => [error instanceof Error ? error.name : String(error)],
      );
      launches.push(listed);
    }
    isOver = true;
    await swapping;
    // The folder, which is empty, or no launch: nothing else ever.
    for (const [answer] of launches) expect(['', 'PlanError', 'LaunchError']).to.include(answer);
  });

  it('leaves nothing of its protections on the host', async () => {
    const folder = host.folder('work');
    host.file('work/a/.git/config', 'plain');
    {
      await using sandboxee = await launchWith(paths.addDirectory(folder, writable));
      expect(await attempt(sandboxee, ['write', join(folder, 'a/new'), 1])).to.deep.equal(['done']);
    }
    writeFileSync(join(folder, 'a/.git/config'), 'changed by the host');
    expect(existsSync(join(folder, 'a/new'))).to.equal(true);
    expect(() => readlinkSync(join(folder, 'a'))).to.throw();
  });
});
