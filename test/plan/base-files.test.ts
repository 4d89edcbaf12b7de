import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PlanError } from '../../broker/index.js';
import { type BaseFile, baseFiles } from '../../broker/plan/base-files.js';
import { buildBasePlan, reachOf } from '../../broker/plan/build-base.js';
import { landlockBase } from '../../broker/plan/landlock-base.js';
import type { GrantedMount, Mount, ShownMount } from '../../broker/plan/mounts.js';

const EXECUTE = 1n;
const WRITE_FILE = 2n;
const READ_FILE = 4n;
const READ_DIR = 8n;

function shown(kind: ShownMount['kind'], path: string): Mount {
  return { kind, source: path, target: path };
}

describe('the files of the tier base', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-base-'));
    chmodSync(folder, 0o755);
    for (const name of ['app/lib', 'app/.git', 'app/data/deep']) mkdirSync(join(folder, name), { recursive: true });
    for (const name of [
      'app/main.js',
      'app/.env',
      'app/.git/config',
      'app/lib/a.js',
      'app/data/b',
      'app/data/deep/.env',
    ])
      writeFileSync(join(folder, name), name);
    symlinkSync('.env', join(folder, 'app/link'));
  });

  after(() => rmSync(folder, { recursive: true }));

  describe('that a policy grants', () => {
    function granted(access: GrantedMount['access'], path: string): GrantedMount {
      return { kind: 'granted-directory', source: path, target: path, access, identity: { device: 0n, inode: 0n } };
    }

    it('may be written where they are granted for it', () => {
      const path = join(folder, 'app/lib');
      expect(baseFiles([granted('write', path)], undefined)).to.deep.equal([
        { kind: 'directory', path, writable: true },
      ]);
      expect(baseFiles([granted('read', path)], undefined)).to.deep.equal([
        { kind: 'directory', path, writable: false },
      ]);
    });

    it('may not where something in them is to stay as it is, or unseen', () => {
      const app = join(folder, 'app');
      const kept = granted('read', join(app, 'lib'));
      expect(() => baseFiles([granted('write', app), kept], undefined)).to.throw(
        PlanError,
        `${app} cannot be writable`,
      );
      const mask = shown('mask', join(app, '.git'));
      expect(() => baseFiles([granted('write', app), mask], undefined)).to.throw(PlanError, '.git');
    });

    it('are at their own places only', () => {
      const elsewhere = { ...granted('read', join(folder, 'app')), target: '/data' };
      expect(() => baseFiles([elsewhere], undefined)).to.throw(PlanError, 'at their own places only');
    });
  });

  function paths(files: readonly BaseFile[]): string[] {
    return files.map(({ kind, path }) => `${kind} ${path.slice(folder.length + 1)}`).sort();
  }

  it('are each at its own place, and symlinks need no rule', () => {
    const app = join(folder, 'app');
    const files = baseFiles([shown('directory', app), { kind: 'symlink', source: 'x', target: '/y' }], undefined);
    expect(files).to.deep.equal([{ kind: 'directory', path: app, writable: false }]);
  });

  it('are a folder in pieces where something in it must not be seen', () => {
    const app = join(folder, 'app');
    const masks = ['.env', '.git', 'data/deep/.env'].map((name) => shown('mask', join(app, name)));
    expect(paths(baseFiles([shown('directory', app), ...masks], undefined))).to.deep.equal([
      'directory app/lib',
      'file app/data/b',
      'file app/main.js',
    ]);
  });

  it('are none at another place', () => {
    const moved: Mount = { kind: 'file', source: join(folder, 'app/main.js'), target: '/main.js' };
    expect(() => baseFiles([moved], undefined)).to.throw(PlanError, 'cannot be shown as /main.js without a mount');
  });

  it('must be reachable by the uid of the sandboxee', () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const file = join(closed, 'file');
    writeFileSync(file, '');
    const reader = { uid: 1_900_000_007, gid: 1_900_000_007 };
    expect(() => baseFiles([shown('file', file)], reader)).to.throw(PlanError, `${closed} has mode 0700`);
    expect(baseFiles([shown('file', file)], undefined)).to.have.length(1);
  });

  it('may be read and run, of the devices /dev/null alone written', () => {
    const files = baseFiles(
      [
        shown('directory', '/usr'),
        shown('file', '/bin/true'),
        shown('device', '/dev/null'),
        shown('device', '/dev/zero'),
      ],
      undefined,
    );
    expect(landlockBase(8, files, undefined).rights).to.deep.equal([
      EXECUTE | READ_FILE | READ_DIR,
      EXECUTE | READ_FILE,
      READ_FILE | WRITE_FILE,
      READ_FILE,
    ]);
  });

  it('are asked of each ABI in what it knows', () => {
    const ruleset = (abi: number): (bigint | undefined)[] => {
      const { fs, net, scoped } = landlockBase(abi, [], undefined);
      return [fs, net, scoped];
    };
    expect([1, 2, 3, 4, 5, 6, 8].map(ruleset)).to.deep.equal([
      [0x1fffn, 0n, 0n],
      [0x3fffn, 0n, 0n],
      [0x7fffn, 0n, 0n],
      [0x7fffn, 3n, 0n],
      [0xffffn, 3n, 0n],
      [0xffffn, 3n, 3n],
      [0xffffn, 3n, 3n],
    ]);
  });
});

describe('the plan of the tier base', () => {
  const user = { kind: 'user', uid: 1000, gid: 1000 } as const;
  const root = { kind: 'root', uid: 1_900_000_000, gid: 1_900_000_000 } as const;

  function plan(identity: typeof user | typeof root, landlockAbi: number): string[] {
    return buildBasePlan({
      identity,
      program: { path: '/bin/true', argv: ['true'], env: {}, cwd: '/' },
      files: [],
      rlimits: [],
      oomScoreAdj: 0,
      start: { mode: 'late', stage0: new Uint8Array(8) },
      supervisor: new Uint8Array(8),
      landlockAbi,
      speculationControls: true,
      cgroups: 0,
      terminal: undefined,
      writeExecutable: false,
      fds: { comms: 3, declared: [] },
    }).map(({ op }) => op);
  }

  it('gives up what there is to give up, in this order, and makes no namespace', () => {
    const common = ['noCapabilities', 'workingDirectory', 'noNewPrivs'];
    const last = ['subreaper', 'speculation', 'notDumpable', 'stage0', 'run'];
    const first = ['keepFds', 'oomScoreAdj', 'session'];
    expect(plan(root, 7)).to.deep.equal([
      ...first,
      ...['capabilityBounds', 'identity'],
      ...common,
      'landlock',
      ...last,
    ]);
    expect(plan(user, 7)).to.deep.equal([...first, ...common, 'landlock', ...last]);
    expect(plan(user, 0)).to.deep.equal([...first, ...common, ...last]);
  });

  it('ends everything by what is its own: the Landlock domain, else the uid, else the process group', () => {
    expect([root, user].flatMap((who) => [0, 5, 6].map((abi) => reachOf(who, abi)))).to.deep.equal([
      ...['uid', 'uid', 'domain'],
      ...['group', 'group', 'domain'],
    ]);
  });
});
