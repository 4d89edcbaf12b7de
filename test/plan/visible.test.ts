import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { PlanError } from '../../broker/plan/errors.js';
import type { Mount } from '../../broker/plan/mounts.js';
import { nodeMounts, type VisibleInput } from '../../broker/plan/visible.js';

let folder: string;

/** Makes files of a tree; a name that ends in `/` is a folder, one with ` -> ` a symlink. */
function tree(...names: string[]): void {
  for (const name of names) {
    const [path = '', target] = name.split(' -> ');
    const full = join(folder, path);
    mkdirSync(name.endsWith('/') ? full : dirname(full), { recursive: true });
    if (target !== undefined) symlinkSync(target, full);
    else if (!name.endsWith('/')) writeFileSync(full, '');
  }
}

function visible(changes: Partial<VisibleInput> = {}): Promise<Mount[]> {
  return nodeMounts({
    execPath: process.execPath,
    script: join(folder, 'app/main.js'),
    sallyport: {
      root: join(folder, 'sallyport'),
      paths: [join(folder, 'sallyport/package.json'), join(folder, 'sallyport/dist')],
    },
    read: [],
    reader: undefined,
    ...changes,
  });
}

/** `kind path`, those of the test's own folder only, named from there. */
async function shown(changes: Partial<VisibleInput> = {}): Promise<string[]> {
  const mounts = await visible(changes);
  return mounts
    .filter(({ target }) => target.startsWith(`${folder}/`))
    .map(
      ({ kind, source, target }) =>
        `${kind} ${target.slice(folder.length + 1)}${kind === 'symlink' ? ` -> ${source}` : ''}`,
    );
}

async function refusal(changes: Partial<VisibleInput>): Promise<string> {
  try {
    await visible(changes);
  } catch (error) {
    if (error instanceof PlanError) return error.message;
    throw error;
  }
  return expect.fail('it was not refused');
}

describe('what a Node sandboxee sees', () => {
  const OWN = ['directory sallyport/dist', 'file sallyport/package.json'];

  beforeEach(() => {
    folder = realpathSync(mkdtempSync('/tmp/sallyport-visible-'));
    tree('app/main.js', 'sallyport/package.json', 'sallyport/dist/index.js');
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("is the script's folder and sallyport, each at its real place", async () => {
    expect(await shown()).to.deep.equal(['directory app', ...OWN]);
    for (const { kind, source, target } of await visible()) {
      if (kind !== 'symlink') expect(source).to.equal(target);
    }
  });

  it('is Node itself, its loader, and the libraries that it links, through the symlinks by which they are named', async () => {
    const mounts = await visible();
    const targets = mounts.map(({ target }) => target);
    expect(targets).to.include(realpathSync(process.execPath));
    expect(targets.some((target) => /\/(libc\.so\.6|libc\.musl.*|ld-musl.*)$/.test(target))).to.equal(true);
    const report: unknown = process.report.getReport();
    const loaded = (report as { sharedObjects: string[] }).sharedObjects.filter(
      (path) => path.startsWith('/') && !path.endsWith('.node'),
    );
    expect(loaded.length).to.be.greaterThan(0);
    for (const path of loaded) expect(targets).to.include(realpathSync(path));
    for (const { kind, target } of mounts) if (kind === 'file') expect(realpathSync(target)).to.equal(target);
  });

  it('is a few devices, and nothing else of /dev, and none of the folders of the system whole', async () => {
    const mounts = await visible();
    const devices = mounts.filter(({ target }) => target.startsWith('/dev'));
    expect(devices.map(({ kind, target }) => `${kind} ${target}`)).to.deep.equal([
      'device /dev/null',
      'device /dev/random',
      'device /dev/urandom',
      'device /dev/zero',
    ]);
    const directories = mounts.filter(({ kind, target }) => kind === 'directory' && !target.startsWith(folder));
    expect(directories).to.deep.equal([]);
  });

  it("hides `.env*` and `.git` of the script's folder at any depth, but does not look into node_modules", async () => {
    tree(
      'app/.env',
      'app/.env.local',
      'app/.envrc',
      'app/.git/config',
      'app/lib/deep/.env',
      'app/lib/.git',
      'app/node_modules/a/.env',
      'app/env',
      'app/.github/x',
    );
    expect(await shown()).to.deep.equal([
      'directory app',
      'mask app/.env',
      'mask app/.env.local',
      'mask app/.envrc',
      'mask app/.git',
      'mask app/lib/.git',
      'mask app/lib/deep/.env',
      ...OWN,
    ]);
  });

  it('hides what a `.env` symlink leads to, where that is shown', async () => {
    tree(
      'app/.env -> config/production',
      'app/config/production',
      'elsewhere/secret',
      'app/lib/.env -> ../../elsewhere/secret',
      'app/x/.env -> nowhere',
    );
    expect(await shown()).to.deep.equal(['directory app', 'mask app/config/production', ...OWN]);
  });

  it('hides a folder whole that it cannot look into', async () => {
    tree('app/closed/.env');
    chmodSync(folder, 0o755);
    const closed = join(folder, 'app/closed');
    const isRoot = process.geteuid?.() === 0;
    // Root could look into it; its owner not without the permission.
    chmodSync(closed, isRoot ? 0o711 : 0o311);
    if (isRoot) process.seteuid?.(65_533);
    try {
      expect(await shown()).to.deep.equal(['directory app', 'mask app/closed', ...OWN]);
    } finally {
      if (isRoot) process.seteuid?.(0);
      chmodSync(closed, 0o755);
    }
  });

  it('is the node_modules of every folder above, and the nearest package.json', async () => {
    tree(
      'package.json',
      'node_modules/a/index.js',
      'app/package.json',
      'app/src/main.js',
      'app/node_modules/b/index.js',
    );
    expect(await shown({ script: join(folder, 'app/src/main.js') })).to.deep.equal([
      'directory app/node_modules',
      'file app/package.json',
      'directory app/src',
      'directory node_modules',
      ...OWN,
    ]);
  });

  it('is the real place of a script that is named through a symlink', async () => {
    tree('link.js -> app/main.js');
    expect(await shown({ script: join(folder, 'link.js') })).to.deep.equal(['directory app', ...OWN]);
  });

  it('follows symlinked packages to their real place, and to what they resolve from, in circles too', async () => {
    tree(
      'app/node_modules/linked -> ../../packages/linked',
      'app/node_modules/@scope/deep -> ../../../packages/deep',
      'app/node_modules/broken -> ../../nowhere',
      'packages/linked/index.js',
      'packages/linked/.env',
      'packages/linked/node_modules/deep -> ../../deep',
      'packages/deep/index.js',
      'packages/deep/node_modules/linked -> ../../linked',
      'packages/node_modules/c/index.js',
    );
    expect(await shown()).to.deep.equal([
      'directory app',
      'directory packages/deep',
      'directory packages/linked',
      'mask packages/linked/.env',
      'directory packages/node_modules',
      ...OWN,
    ]);
  });

  it('makes the symlinks anew that lie on the way to a package', async () => {
    tree('app/node_modules/a -> ../../global/a', 'global/a -> ../real/a', 'real/a/index.js');
    expect(await shown()).to.deep.equal(['directory app', 'symlink global/a -> ../real/a', 'directory real/a', ...OWN]);
  });

  it("understands pnpm's store: packages beside each other, linked", async () => {
    tree(
      'app/node_modules/a -> ../../store/a@1/node_modules/a',
      'store/a@1/node_modules/a/index.js',
      'store/a@1/node_modules/b -> ../../b@2/node_modules/b',
      'store/b@2/node_modules/b/index.js',
    );
    expect(await shown()).to.deep.equal([
      'directory app',
      ...OWN,
      'directory store/a@1/node_modules',
      'directory store/b@2/node_modules',
    ]);
  });

  it('follows a node_modules that is itself a symlink', async () => {
    tree('app/node_modules -> ../modules/node_modules', 'modules/node_modules/a/index.js');
    expect(await shown()).to.deep.equal(['directory app', 'directory modules/node_modules', ...OWN]);
  });

  it('is what the user grants besides, once, through its symlinks', async () => {
    tree('data/in/a', 'data/b', 'app/data/c', 'link -> data');
    const read = ['data/in', 'data', 'link/b', 'app/data'].map((path) => join(folder, path));
    expect(await shown({ read })).to.deep.equal(['directory app', 'directory data', 'symlink link -> data', ...OWN]);
  });

  it('finds changes of the tree at the next launch', async () => {
    expect(await shown()).to.deep.equal(['directory app', ...OWN]);
    tree('app/.env', 'node_modules/a/index.js');
    expect(await shown()).to.deep.equal(['directory app', 'mask app/.env', 'directory node_modules', ...OWN]);
  });

  it('refuses a grant that does not exist, the whole root, and the processes of the host', async () => {
    expect(await refusal({ read: [join(folder, 'nowhere')] })).to.equal(
      `${folder}/nowhere, which the sandboxee was to read, does not exist`,
    );
    expect(await refusal({ read: ['/'] })).to.include('/ cannot be granted whole');
    expect(await refusal({ read: ['/proc/self'] })).to.include('processes of the host');
  });

  it('refuses a script that lies in a folder of other things', async () => {
    const script = '/tmp/sallyport-visible-script.js';
    writeFileSync(script, '');
    try {
      expect(await refusal({ script })).to.equal(
        `${script} lies directly in /tmp, and the sandboxee sees the folder of its script whole; move the script to a folder of its own`,
      );
    } finally {
      rmSync(script);
    }
  });

  it('refuses a script or a folder that the uid of the sandboxee cannot read', async () => {
    const reader = { uid: 1_900_000_001, gid: 1_900_000_001 };
    await visible({ reader });
    chmodSync(join(folder, 'app/main.js'), 0o640);
    expect(await refusal({ reader })).to.equal(
      `${folder}/app/main.js has mode 0640 and cannot be read by uid 1900000001, under which the sandboxee runs: chmod o+r it, or run the broker as an ordinary user`,
    );
    chmodSync(join(folder, 'app'), 0o700);
    expect(await refusal({ reader }))
      .to.include(`${folder}/app has mode 0700`)
      .and.include('chmod o+rx');
    await visible({ reader: { uid: process.getuid?.() ?? 0, gid: 0 } });
  });

  it('refuses to run what is no ELF executable', async () => {
    tree('app/tool.sh');
    writeFileSync(join(folder, 'app/tool.sh'), '#!/bin/sh\n');
    expect(await refusal({ execPath: join(folder, 'app/tool.sh') })).to.include('is not an ELF executable');
  });
});
