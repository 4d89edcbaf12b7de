import { expect } from 'chai';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { PolicyError } from '../../broker/policy/errors.js';
import { contentAt } from '../../broker/policy/filesystem.js';
import { Policy } from '../../broker/policy/policy.js';
import { policies } from '../../broker/policy/presets.js';
import {
  dangerouslyAllowExecutableMemory,
  dangerouslyAllowUnrestrictedNetworking,
  dangerouslyAllowWriteExecutable,
} from '../../broker/policy/tokens.js';
import { problemsOf, X64 } from './filters.js';

const empty = (): PolicyBuilder => new PolicyBuilder({ name: 'test', arch: X64 });
const writable = { writable: true } as const;

/** The message of the one problem that there is. */
function problemOf(builder: PolicyBuilder): string {
  const problems = problemsOf(builder);
  expect(problems).to.have.lengthOf(1);
  return problems[0]?.message ?? '';
}

describe('the words about files', () => {
  it('say what there is, and change no syscall', () => {
    const policy = empty().addFile('/a').addDirectoryAt('/b', '/c', writable).addTmpfs('/tmp', 4096).build();
    expect(policy.toString()).to.equal(empty().build().toString());
    expect(contentAt(policy.filesystem, '/a')).to.deep.include({ kind: 'host', path: '/a' });
    expect(contentAt(policy.filesystem, '/c/d/e')).to.deep.include({ kind: 'host', path: '/b/d/e' });
    expect(contentAt(policy.filesystem, '/tmp/x')).to.include({ kind: 'memory' });
    expect(contentAt(policy.filesystem, '/b').kind).to.equal('nothing');
    expect(contentAt(policy.filesystem, '/a/b').kind).to.equal('nothing');
  });

  it('grant nothing where nothing is said', () => {
    expect(policies.node().build().filesystem).to.deep.equal({
      grants: [],
      tmpfs: [],
      libraries: [],
      hidden: [],
      writableRoot: undefined,
      hostname: undefined,
      workingDirectory: undefined,
      network: 'none',
      writeExecutable: false,
    });
  });

  it('are immutable, also through a list that they were given', () => {
    const libraryPath = ['/opt/lib'];
    const builder = empty().addLibrariesForBinary('/bin/x', { libraryPath });
    libraryPath.push('/evil');
    expect(builder.build().filesystem.libraries[0]?.libraryPath).to.deep.equal(['/opt/lib']);
    expect(empty().addFile('/a').build().filesystem.grants).to.have.lengthOf(1);
  });

  it('have no options but those that there are', () => {
    const options: object = { readonly: true };
    expect(problemsOf(empty().addFile('/a', options))).to.deep.equal([
      { call: "addFile('/a')", message: "no such option 'readonly'; there is writable" },
    ]);
    const path: object = { call: 'addFile', path: '/etc/shadow' };
    expect(problemOf(empty().addDirectory('/a', path))).to.include("no such option 'call'");
    const yes: object = { writable: 'yes' };
    expect(problemOf(empty().addFile('/a', yes))).to.include('yes is neither true nor false');
  });

  describe('take only paths that are absolute and canonical', () => {
    const WRONG: readonly (readonly [path: string, says: string])[] = [
      ['', 'not absolute'],
      ['a', 'not absolute'],
      ['./a', 'not absolute'],
      ['..', 'not absolute'],
      ['/', '/ cannot be granted whole'],
      ['/a/', 'not canonical'],
      ['//a', 'not canonical'],
      ['/a//b', 'not canonical'],
      ['/a/./b', 'not canonical'],
      ['/a/../b', 'not canonical'],
      ['/..', 'not canonical'],
      ['/a\0b', 'NUL'],
      ['/a\ud800', 'Unicode'],
      [`/${'a'.repeat(256)}`, 'longer than 255'],
      [`${'/aaaaaaa'.repeat(600)}`, 'longer than 4095'],
      ['/proc/self', 'processes of the host'],
      ['/proc/self/environ', 'processes of the host'],
      ['/proc/1', 'processes of the host'],
      ['/sys', 'hardware of the host'],
      ['/sys/kernel', 'hardware of the host'],
    ];

    for (const [path, says] of WRONG) {
      it(`not ${JSON.stringify(path).slice(0, 40)}`, () => {
        for (const builder of [
          empty().addFile(path),
          empty().addFileIfExists(path),
          empty().addDirectory(path),
          empty().addDirectoryIfExists(path),
          empty().addFileAt(path, '/x'),
          empty().addDirectoryAt(path, '/x'),
        ]) {
          expect(problemOf(builder)).to.include(says);
        }
        if (!/processes|hardware/.test(says)) {
          expect(problemOf(empty().addFileAt('/x', path))).to.include(says);
          expect(problemOf(empty().addTmpfs(path, 4096))).to.include(says);
          expect(problemOf(empty().addLibrariesForBinary(path))).to.include(says);
        }
      });
    }

    it('but dots within names, and what the kernel tells of processors', () => {
      for (const path of ['/.a', '/...', '/a..', '/a b', '/ä'])
        expect(problemsOf(empty().addFile(path))).to.deep.equal([]);
      expect(problemsOf(empty().addDirectory('/sys/devices/system/cpu'))).to.deep.equal([]);
    });

    it('nothing in /proc, which is the sandboxee’s own and may be asked for', () => {
      expect(problemOf(empty().addFileAt('/a', '/proc/x'))).to.include('/proc is the sandboxee’s own');
      expect(problemOf(empty().addTmpfs('/proc', 4096))).to.include('/proc is the sandboxee’s own');
      expect(problemOf(empty().addDirectoryAt('/proc', '/x'))).to.include('processes of the host');
      expect(empty().addDirectory('/proc').build().filesystem.grants).to.deep.equal([]);
    });

    it('and not what the host runs and trusts where they are to be writable', () => {
      for (const path of ['/etc', '/usr', '/usr/lib/x', '/bin/sh', '/boot', '/work/.git', '/work/.git/hooks']) {
        expect(problemOf(empty().addDirectory(path, writable)), path).to.include('cannot be writable');
        expect(problemOf(empty().addFileAt(path, '/x', writable)), path).to.include('cannot be writable');
        expect(problemsOf(empty().addDirectory(path))).to.deep.equal([]);
      }
    });
  });

  it('gather problems with the calls that caused them, those of syscalls too', () => {
    const problems = problemsOf(empty().addFile('a').allowSyscall('ptrace').addTmpfs('/tmp', 1).setHostname('-'));
    expect(problems.map(({ call }) => call)).to.have.members([
      "allowSyscall('ptrace')",
      "addFile('a')",
      "addTmpfs('/tmp', 1)",
      "setHostname('-')",
    ]);
  });

  it('refuse two different things at one place, and anything in a file', () => {
    expect(problemOf(empty().addFileAt('/a', '/x').addFileAt('/b', '/x'))).to.include(
      "addFileAt('/a', '/x') already shows",
    );
    expect(problemOf(empty().addFile('/x').addDirectory('/x'))).to.include('already shows something else');
    expect(problemOf(empty().addFile('/x').addTmpfs('/x', 4096))).to.include('already shows something else');
    expect(problemOf(empty().addTmpfs('/x', 4096).addDirectory('/x'))).to.include('already puts a tmpfs there');
    expect(problemOf(empty().addTmpfs('/x', 4096).addTmpfs('/x', 8192))).to.include('another size');
    expect(problemOf(empty().addFile('/x').addFile('/x/y'))).to.include('nothing can be in a file');
    expect(problemOf(empty().addFile('/x/y').addFile('/x'))).to.include('nothing can be in a file');
    expect(problemOf(empty().addTmpfs('/x/y', 4096).addFile('/x'))).to.include('nothing can be in a file');
    expect(problemsOf(empty().addFile('/x/y').addDirectory('/x').addTmpfs('/x/t', 4096))).to.deep.equal([]);
  });

  it('take what says the same twice, and of read-only and writable the more', () => {
    const [grant] = empty().addFile('/a').addFileIfExists('/a').addFile('/a', writable).addFile('/a').build()
      .filesystem.grants;
    expect(grant).to.include({ access: 'write', presence: 'required', call: "addFile('/a', { writable: true })" });
    expect(empty().addFileIfExists('/a').build().filesystem.grants[0]).to.include({ presence: 'optional' });
    expect(problemsOf(empty().addTmpfs('/x', 4096).addTmpfs('/x', 4096))).to.deep.equal([]);
  });

  it('set a thing once', () => {
    const { filesystem } = empty().setHostname('a').setHostname('a').setWorkingDirectory('/').setRootWritable().build();
    expect(filesystem).to.include({ hostname: 'a', workingDirectory: '/', writableRoot: 16 * 1024 * 1024 });
    expect(problemOf(empty().setHostname('a').setHostname('b'))).to.include('said before to be a');
    expect(problemOf(empty().setRootWritable(4096).setRootWritable())).to.include('said before to be 4096');
    for (const name of ['', '-a', 'a-', 'a b', 'a'.repeat(65), 'ä']) {
      expect(problemOf(empty().setHostname(name))).to.include('no name for a host');
    }
    for (const size of [0, -1, 1.5, Number.NaN, Infinity, 4095, 2 ** 41]) {
      expect(problemOf(empty().addTmpfs('/t', size))).to.include('is no size');
      expect(problemOf(empty().setRootWritable(size))).to.include('is no size');
    }
  });

  it('take tokens for what is dangerous, and check() says so', () => {
    const wrong: symbol = dangerouslyAllowExecutableMemory;
    const network = empty().allowUnrestrictedNetworking(wrong as typeof dangerouslyAllowUnrestrictedNetworking);
    expect(problemOf(network)).to.include('the token dangerouslyAllowUnrestrictedNetworking');
    const execution = empty().allowWriteExecutable(wrong as typeof dangerouslyAllowWriteExecutable);
    expect(problemOf(execution)).to.include('the token dangerouslyAllowWriteExecutable');
    const policy = empty()
      .allowUnrestrictedNetworking(dangerouslyAllowUnrestrictedNetworking)
      .allowWriteExecutable(dangerouslyAllowWriteExecutable)
      .build();
    expect(policy.filesystem).to.include({ network: 'host', writeExecutable: true });
    expect(policy.check().map(({ kind, call }) => `${kind} ${call}`)).to.deep.equal([
      'dangerous allowUnrestrictedNetworking()',
      'dangerous allowWriteExecutable()',
    ]);
  });

  it('are refused beyond a number that no plan could carry', () => {
    let builder = empty();
    for (let index = 0; index <= 1024; index++) builder = builder.addFile(`/files/${index}`);
    expect(problemOf(builder)).to.include('at most 1024');
  });
});

describe('PolicyBuilder.anchorPathAbsolute()', () => {
  const TABLE: readonly (readonly [relative: string, base: string, path: string | undefined])[] = [
    ['a', '/base', '/base/a'],
    ['./a/../b', '/base', '/base/b'],
    ['a/', '/base/', '/base/a'],
    ['.', '/base', '/base'],
    ['a', '/', '/a'],
    ['a/../../base/b', '/base', '/base/b'],
    ['..', '/base', undefined],
    ['../base2/a', '/base', undefined],
    ['a/../..', '/base', undefined],
    ['/a', '/base', undefined],
    ['', '/base', undefined],
    ['a', 'base', undefined],
    ['a', '', undefined],
    ['a\0', '/base', undefined],
  ];

  for (const [relative, base, path] of TABLE) {
    it(`${JSON.stringify(relative)} in ${JSON.stringify(base)}: ${path ?? 'refused'}`, () => {
      if (path === undefined) expect(() => PolicyBuilder.anchorPathAbsolute(relative, base)).to.throw(PolicyError);
      else expect(PolicyBuilder.anchorPathAbsolute(relative, base)).to.equal(path);
    });
  }
});

describe('files in a document', () => {
  it('are the same words, and come back as they were', () => {
    const built = empty()
      .addFile('/a', writable)
      .addFileAt('/a', '/b')
      .addFileIfExists('/c')
      .addDirectory('/d')
      .addDirectoryAt('/d', '/e', writable)
      .addDirectoryIfExists('/f')
      .addTmpfs('/tmp', 4096)
      .addLibrariesForBinary('/bin/x', { libraryPath: ['$ORIGIN'] })
      .setRootWritable()
      .setHostname('h')
      .setWorkingDirectory('/d')
      .allowUnrestrictedNetworking(dangerouslyAllowUnrestrictedNetworking)
      .allowWriteExecutable(dangerouslyAllowWriteExecutable)
      .build();
    const written = built.toJSON();
    expect(written.rules).to.deep.include({ call: 'addFile', path: '/a', writable: true });
    expect(written.rules).to.deep.include({
      call: 'allowWriteExecutable',
      token: 'dangerouslyAllowWriteExecutable',
    });
    const again = Policy.parse(JSON.stringify(written));
    expect(again.toJSON()).to.deep.equal(written);
    expect(again.filesystem).to.deep.equal(built.filesystem);
  });

  it('are wrong at a path into it', () => {
    const parse = (...rules: unknown[]) => {
      try {
        Policy.parse({ rules });
      } catch (error) {
        if (error instanceof PolicyError) return error.problems.map(({ call, message }) => `${call}: ${message}`);
        throw error;
      }
      return [];
    };
    expect(parse({ call: 'addFile', path: 'a' })[0]).to.match(/^\/rules\/0\/path: "a" is not absolute/);
    expect(parse('allowRead', { call: 'addTmpfs', inside: '/t', size: 1 })[0]).to.match(
      /^\/rules\/1\/size: 1 is not a size/,
    );
    expect(parse({ call: 'addFileAt', outside: '/a', inside: '/b/' })[0]).to.match(
      /^\/rules\/0\/inside: .*not canonical/,
    );
    expect(parse({ call: 'addFile', path: '/a', readonly: true })[0]).to.match(
      /^\/rules\/0\/readonly: there is no such key/,
    );
    expect(parse({ call: 'addFile', path: '/a', writable: 1 })[0]).to.match(
      /^\/rules\/0\/writable: 1 is not true or false/,
    );
    expect(parse({ call: 'addFile', path: '/etc/x', writable: true })[0]).to.match(
      /^\/rules\/0\/path: .*cannot be writable/,
    );
    expect(parse({ call: 'addLibrariesForBinary', path: '/a', libraryPath: ['/a', 'b'] })[0]).to.match(
      /^\/rules\/0\/libraryPath\/1: "b" is not absolute/,
    );
    expect(parse({ call: 'allowWriteExecutable' })[0]).to.match(/^\/rules\/0: the key "token" is missing/);
    expect(parse({ call: 'addFile', path: '/a' }, { call: 'addDirectory', path: '/a' })[0]).to.match(
      /^\/rules\/1: addFile/,
    );
    expect(parse('addFile')[0]).to.match(/^\/rules\/0: "addFile" has arguments/);
  });
});

describe('what is said of files', () => {
  const findings = (builder: PolicyBuilder): readonly string[] =>
    builder
      .build()
      .check()
      .map(({ kind, message }) => `${kind}: ${message}`);

  it('is found where nothing reaches them', () => {
    expect(findings(policies.node().addDirectory('/srv/data'))).to.deep.equal([
      'unreachable: nothing reaches it: no syscall that opens a path is allowed; allowOpen() is one',
    ]);
    expect(findings(policies.node().allowOpen().addDirectory('/srv/data'))).to.deep.equal([]);
  });

  it('is found where it shows what was hardly meant', () => {
    const reading = (path: string): string => findings(empty().allowOpen().addDirectory(path)).join('\n');
    expect(reading('/etc')).to.include('secrets of the host');
    expect(reading('/etc/ssl/private')).to.include('secrets of the host');
    expect(reading('/var/run')).to.include('a socket by which the host obeys');
    expect(reading('/home/somebody')).to.include('home');
    expect(reading('/dev')).to.include('/dev/shm');
    expect(reading('/usr/share/zoneinfo')).to.equal('');
    expect(findings(empty().allowOpen().addFile('/var/run/docker.sock')).join()).to.include('a socket by which');
  });

  it('is found where it can be written and run, or connected to', () => {
    const run = empty()
      .allowOpen()
      .addDirectory('/srv/data', writable)
      .allowWriteExecutable(dangerouslyAllowWriteExecutable);
    expect(findings(run).join('\n')).to.include('what is written to /srv/data can be run');
    const connecting = empty().allowOpen().allowSyscall('connect').addDirectory('/srv/data');
    expect(findings(connecting).join('\n')).to.include('every socket in /srv/data can be connected to');
  });

  it('is in the overview and in the difference of two policies', () => {
    const before = empty().addDirectory('/a').addFile('/b', writable).build();
    const after = empty().addDirectory('/a', writable).addTmpfs('/t', 4096).setHostname('h').build();
    expect(before.overview()).to.include(
      '  visible, read-only:\n    /a, with all that is in it\n  writable:\n    /b\n',
    );
    const { files, settings, isEmpty } = before.diff(after);
    expect(isEmpty).to.equal(false);
    expect(files.map(({ path, allowsMore, allowsLess }) => [path, allowsMore, allowsLess])).to.deep.equal([
      ['/a', true, false],
      ['/b', false, true],
      ['/t', true, false],
    ]);
    expect(settings).to.deep.equal([{ setting: 'hostname', before: 'not said', after: 'h' }]);
    expect(before.diff(before).isEmpty).to.equal(true);
    expect(String(before.diff(after))).to.include('+ /a: directory /a, read-only → directory /a, writable');
  });
});
