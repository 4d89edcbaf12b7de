import { existsSync, linkSync, readFileSync, symlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  dangerouslyAllowExecutableMemory,
  dangerouslyAllowWriteExecutable,
  KiB,
  policies,
} from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { perform } from '../support/puppet.js';
import { onlyWithNamespaces } from '../support/tier.js';
import { attempt, HostFolder, launchWith, paths, refusalOf } from './support.js';

const CANNOT_WRITE = ['EROFS', 'EACCES', 'EPERM'];

describe('files of the host that a policy grants', () => {
  leakGate();
  onlyWithNamespaces('mounts show these files; test/tiers/base-files.test.ts has what Landlock does');
  let host: HostFolder;

  beforeEach(() => {
    host = new HostFolder();
  });

  afterEach(() => host.remove());

  it('are there, and nothing beside them', async () => {
    const file = host.file('data/file');
    const folder = host.folder('folder');
    host.file('folder/deep/inner', 'inner');
    host.file('data/beside');
    await using sandboxee = await launchWith(paths.addFile(file).addDirectory(folder));
    expect(
      await attempt(
        sandboxee,
        ['read', file],
        ['read', join(folder, 'deep/inner')],
        ['list', host.path],
        ['list', join(host.path, 'data')],
        ['read', '/etc/passwd'],
        ['list', '/root'],
        ['list', '/home'],
      ),
    ).to.deep.equal(['of the host', 'inner', ['data', 'folder'], ['file'], 'ENOENT', 'ENOENT', 'ENOENT']);
  });

  it('are at another place where the policy says so', async () => {
    const file = host.file('file');
    host.file('folder/inner', 'inner');
    await using sandboxee = await launchWith(
      paths.addFileAt(file, '/deep/in/here').addDirectoryAt(join(host.path, 'folder'), '/folder'),
    );
    expect(
      await attempt(sandboxee, ['read', '/deep/in/here'], ['read', '/folder/inner'], ['stat', host.path]),
    ).to.deep.equal(['of the host', 'inner', 'ENOENT']);
  });

  it('are shown, and not reached where the syscalls are not allowed as well', async () => {
    const file = host.file('file');
    await using sandboxee = await launchWith(policies.node().addFile(file));
    expect(await attempt(sandboxee, ['read', file])).to.deep.equal(['ENOENT']);
  });

  it('cannot be written, whatever their permissions', async () => {
    const file = host.file('folder/file');
    const folder = join(host.path, 'folder');
    await using sandboxee = await launchWith(paths.addDirectory(folder));
    const answers = await attempt(
      sandboxee,
      ['write', file, 1],
      ['truncate', file],
      ['write', join(folder, 'new'), 1],
      ['mkdir', join(folder, 'new')],
      ['remove', file],
      ['rename', file, join(folder, 'other')],
      ['chmod', file, 0o600],
      ['link', file, join(folder, 'other')],
    );
    for (const answer of answers) expect(CANNOT_WRITE).to.include(answer);
    expect(readFileSync(file, 'utf8')).to.equal('of the host');
  });

  it('can be written where the policy says so: files in folders, and single files, but no FIFO for the host to wait at', async () => {
    const single = host.file('single');
    const folder = host.folder('folder');
    host.file('folder/old');
    await using sandboxee = await launchWith(
      paths.addFile(single, { writable: true }).addDirectory(folder, { writable: true }).allowSyscall('mknodat'),
    );
    expect(
      await attempt(
        sandboxee,
        ['write', single, 3],
        ['write', join(folder, 'new'), 4],
        ['truncate', join(folder, 'new')],
        ['remove', join(folder, 'old')],
        ['mkdir', join(folder, 'a')],
        ['rename', join(folder, 'new'), join(folder, 'a/b')],
        ['symlink', '/etc/passwd', join(folder, 'link')],
        ['read', join(folder, 'link')],
      ),
    ).to.deep.equal(['done', 'done', 'done', 'done', 'done', 'done', 'done', 'ENOENT']);
    expect(readFileSync(single, 'utf8')).to.equal('xxx');
    expect(existsSync(join(folder, 'a/b'))).to.equal(true);
    expect(existsSync(join(folder, 'old'))).to.equal(false);
    const fifo = await perform(
      sandboxee,
      ({ attack }, path: string, number: number) => attack.syscall(number, -100, Buffer.from(`${path}\0`), 0o10666, 0),
      join(folder, 'fifo'),
      process.arch === 'arm64' ? 33 : 259,
    );
    expect(-fifo).to.equal(constants.errno.EACCES);
    // A single file is all that there is of its folder.
    const [removed, beside] = await attempt(sandboxee, ['remove', single], ['write', join(host.path, 'beside'), 1]);
    expect(['EBUSY', ...CANNOT_WRITE]).to.include(removed);
    expect(CANNOT_WRITE).to.include(beside);
    expect(existsSync(join(host.path, 'beside'))).to.equal(false);
  });

  it('cannot be run or mapped as code where they can be written, unless a token allows it', async () => {
    const library = readFileSync(process.execPath).subarray(0, 4096);
    const folder = host.folder('folder');
    host.file('folder/code', library.toString('latin1'));
    const mapping = paths.allowMmap(dangerouslyAllowExecutableMemory).addDirectory(folder, { writable: true });
    const mapAsCode = async (builder: typeof mapping): Promise<number> => {
      await using sandboxee = await launchWith(builder);
      return await perform(
        sandboxee,
        ({ attack, modules: { fs } }, path: string, number: number) => {
          const fd = fs.openSync(path, 'r');
          const address = attack.syscall(number, 0, 4096, 5, 2, fd, 0);
          fs.closeSync(fd);
          return address < 0 && address > -4096 ? address : 0;
        },
        join(folder, 'code'),
        process.arch === 'arm64' ? 222 : 9,
      );
    };
    expect(await mapAsCode(mapping)).to.equal(-1);
    expect(await mapAsCode(mapping.allowWriteExecutable(dangerouslyAllowWriteExecutable))).to.equal(0);
  });

  it('can be read-only in the midst of a writable folder, and cannot be replaced there', async () => {
    const folder = host.folder('folder');
    const file = host.file('folder/a/b/kept');
    await using sandboxee = await launchWith(paths.addDirectory(folder, { writable: true }).addFile(file));
    const [write, remove, fromWithin, above, ...others] = await attempt(
      sandboxee,
      ['write', file, 1],
      ['remove', file],
      ['rename', join(folder, 'a/b'), join(folder, 'a/c')],
      ['rename', join(folder, 'a'), join(folder, 'c')],
      ['write', join(folder, 'a/b/new'), 1],
      ['write', join(folder, 'new'), 1],
    );
    expect(CANNOT_WRITE).to.include(write);
    for (const answer of [remove, fromWithin, above]) expect(answer).to.equal('EBUSY');
    expect(others).to.deep.equal(['done', 'done']);
    expect(readFileSync(file, 'utf8')).to.equal('of the host');
    expect(existsSync(join(folder, 'a/b/new'))).to.equal(true);
  });

  it('can be put into a tmpfs, and into each other where the host has a place for them', async () => {
    const file = host.file('file');
    const folder = host.folder('folder');
    host.file('folder/place', 'underneath');
    await using sandboxee = await launchWith(
      paths
        .addTmpfs('/scratch', 64 * KiB)
        .addFileAt(file, '/scratch/deep/file')
        .addDirectory(folder)
        .addFileAt(file, join(folder, 'place')),
    );
    expect(
      await attempt(
        sandboxee,
        ['read', '/scratch/deep/file'],
        ['write', '/scratch/new', 1],
        ['read', join(folder, 'place')],
      ),
    ).to.deep.equal(['of the host', 'done', 'of the host']);
    expect(await refusalOf(paths.addDirectory(folder).addFileAt(file, join(folder, 'absent')))).to.match(
      /has to be a file .*absent on the host/,
    );
    expect(existsSync(join(folder, 'absent'))).to.equal(false);
  });

  it('never have anything made in them, although they are writable', async () => {
    const folder = host.folder('folder');
    const writable = paths.addDirectory(folder, { writable: true });
    expect(await refusalOf(writable.addTmpfs(join(folder, 'tmp'), 64 * KiB))).to.match(/has to be a directory/);
    expect(existsSync(join(folder, 'tmp'))).to.equal(false);
  });

  it('may be the same file twice: linked, shown at two places, by two names', async () => {
    const file = host.file('file');
    const other = join(host.path, 'other');
    linkSync(file, other);
    await using sandboxee = await launchWith(
      paths.addFile(file).addFile(other).addFileAt(file, '/third').addFileAt(file, '/fourth'),
    );
    expect(
      await attempt(sandboxee, ['read', file], ['read', other], ['read', '/third'], ['read', '/fourth']),
    ).to.deep.equal(Array.from({ length: 4 }, () => 'of the host'));
  });

  it('are found through symlinks, which are there as well', async () => {
    const file = host.file('real/file');
    const link = join(host.path, 'link');
    symlinkSync('real/file', link);
    await using sandboxee = await launchWith(paths.addFile(link).addFileAt(link, '/elsewhere'));
    expect(
      await attempt(sandboxee, ['read', link], ['read', file], ['link of', link], ['read', '/elsewhere']),
    ).to.deep.equal(['of the host', 'of the host', 'real/file', 'of the host']);
  });

  it('may be missing, or be something else, only where the policy says so', async () => {
    const file = host.file('file');
    const folder = host.folder('folder');
    const absent = join(host.path, 'absent');
    await using sandboxee = await launchWith(
      paths
        .addFileIfExists(absent)
        .addFileIfExists(folder)
        .addDirectoryIfExists(file)
        .addDirectoryIfExists(`${absent}-too`),
    );
    expect(await attempt(sandboxee, ['stat', host.path])).to.deep.equal(['ENOENT']);
    expect(await refusalOf(paths.addFile(absent))).to.equal(`addFile('${absent}'): ${absent} does not exist`);
    expect(await refusalOf(paths.addDirectory(absent))).to.include('does not exist');
    expect(await refusalOf(paths.addFile(folder))).to.include('is a directory; addDirectory()');
    expect(await refusalOf(paths.addDirectory(file))).to.include('is not a directory; addFile()');
  });

  it('are never the processes, the hardware or the devices of the host, by whatever name', async () => {
    const link = (to: string, name: string): string => {
      symlinkSync(to, join(host.path, name));
      return join(host.path, name);
    };
    expect(await refusalOf(paths.addDirectory(link('/proc', 'proc')))).to.include('shows the processes of the host');
    expect(await refusalOf(paths.addFile(link('/proc/1/environ', 'environ')))).to.include('the processes of the host');
    expect(await refusalOf(paths.addDirectory(link('/', 'root')))).to.include('the whole root of the host');
    expect(await refusalOf(paths.addDirectory(link('/sys/class', 'sys')))).to.include('the hardware of the host');
    expect(await refusalOf(paths.addFile(link('/dev/tty', 'tty')))).to.include('/dev/tty is a device');
    const writable = { writable: true };
    expect(await refusalOf(paths.addDirectory(link('/etc', 'etc'), writable))).to.include('/etc cannot be writable');
    expect(await refusalOf(paths.addFile(link('/etc/passwd', 'passwd'), writable))).to.include('cannot be writable');
  });

  it('may be a harmless device, and /proc, which is the sandboxee’s own', async () => {
    await using sandboxee = await launchWith(paths.addFile('/dev/full').addDirectory('/proc'));
    const [full, processes] = await attempt(sandboxee, ['write', '/dev/full', 1], ['list', '/proc']);
    expect(['ENOSPC', 'EACCES']).to.include(full);
    expect((processes as string[]).filter((name) => /^\d+$/.test(name))).to.deep.equal(['1', '2']);
  });
});
