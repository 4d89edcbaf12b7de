import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { Fd, launch, librariesOf, PlanError, policies } from '../../broker/index.js';
import { findLibraries } from '../../broker/libraries/find.js';
import { checkedAnswer } from '../../broker/libraries/reader.js';
import { BadElf, readElf } from '../../sandboxee-sdk/elf-reader/elf.js';
import { attempt, launchWith, paths } from '../confinement/support.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet } from '../support/puppet.js';
import { onlyWithNamespaces } from '../support/tier.js';
import { type ElfShape, elfFile } from './elf-files.js';

const MACHINE = process.arch === 'arm64' ? 183 : 62;

function parse(bytes: Buffer): ReturnType<typeof readElf> {
  return readElf((position, length) => bytes.subarray(position, position + length), MACHINE);
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PlanError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('what an ELF file says that it needs', () => {
  it('is its loader and the names of its libraries', () => {
    const file = elfFile({ needed: ['libc.so.6', 'libm.so.6'], interpreter: '/lib64/ld-linux-x86-64.so.2' });
    expect(parse(file)).to.deep.equal({
      interpreter: '/lib64/ld-linux-x86-64.so.2',
      needed: ['libc.so.6', 'libm.so.6'],
    });
    expect(parse(elfFile({}))).to.deep.equal({ interpreter: null, needed: [] });
    expect(parse(readFileSync(process.execPath)).needed).to.include('libc.so.6');
  });

  const patched =
    (change: (bytes: Buffer) => void): NonNullable<ElfShape['broken']> =>
    (bytes) => {
      change(bytes);
      return bytes;
    };

  const BROKEN: readonly (readonly [what: string, shape: ElfShape, says: RegExp])[] = [
    ['empty', { broken: () => Buffer.alloc(0) }, /no ELF file/],
    ['a script', { broken: () => Buffer.from('#!/bin/sh\n') }, /no ELF file/],
    ['cut off in its header', { broken: (bytes) => bytes.subarray(0, 63) }, /no ELF file/],
    ['cut off in its program headers', { broken: (bytes) => bytes.subarray(0, 100) }, /cut off/],
    ['of 32 bits', { broken: patched((bytes) => void bytes.writeUInt8(1, 4)) }, /not 64-bit/],
    ['of another processor', { broken: patched((bytes) => void bytes.writeUInt16LE(3, 18)) }, /another processor/],
    [
      'with 65535 program headers',
      { broken: patched((bytes) => void bytes.writeUInt16LE(65535, 56)) },
      /65535 program headers/,
    ],
    [
      'with program headers of another size',
      { broken: patched((bytes) => void bytes.writeUInt16LE(0, 54)) },
      /of 0 bytes/,
    ],
    [
      'with program headers beyond every file',
      { broken: patched((bytes) => void bytes.writeBigUInt64LE(2n ** 64n - 1n, 32)) },
      /beyond every file/,
    ],
    [
      'with a segment beyond every file',
      { broken: patched((bytes) => void bytes.writeBigUInt64LE(2n ** 63n, 64 + 8)) },
      /beyond every file/,
    ],
    [
      'with 300 libraries',
      { needed: Array.from({ length: 300 }, (_, index) => `lib${index}.so`) },
      /more than 256 libraries/,
    ],
    ['with a name of 4000 bytes', { needed: ['x'.repeat(4000)] }, /longer than 255/],
    ['with a name that has no end', { needed: ['libc.so.6'], broken: (bytes) => bytes.subarray(0, -1) }, /has no end/],
    [
      'with names in no segment',
      { needed: ['a'], broken: patched((bytes) => void bytes.writeBigUInt64LE(7n, 64 + 16)) },
      /in no segment/,
    ],
    ['with a loader of 5000 bytes', { interpreter: '/x'.repeat(2500) }, /longer than 255/],
  ];

  for (const [what, shape, says] of BROKEN) {
    it(`is an error where it is ${what}`, () => expect(() => parse(elfFile(shape))).to.throw(BadElf, says));
  }

  it('is an answer or an error for any bytes, after a bounded number of short reads', () => {
    const sound = elfFile({ needed: ['libc.so.6', 'libm.so.6'], interpreter: '/lib64/ld.so' });
    const changes = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 12 });
    fc.assert(
      fc.property(changes, fc.nat(sound.length), (list, end) => {
        const bytes = Buffer.from(sound);
        for (const [at, value] of list) bytes[at] = value;
        let reads = 0;
        try {
          readElf((position, length) => {
            reads += 1;
            expect(length).to.be.at.most(65536);
            return bytes.subarray(position, Math.min(position + length, end));
          }, MACHINE);
        } catch (error) {
          expect(error).to.be.instanceOf(BadElf);
        }
        expect(reads).to.be.at.most(300);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('the answer of the sandboxee that parses', () => {
  const HOSTILE: readonly (readonly [what: string, answer: unknown])[] = [
    ['nothing', null],
    ['a number', 7],
    ['no list', { interpreter: null, needed: 'libc.so.6' }],
    ['too many', { interpreter: null, needed: Array.from({ length: 257 }, () => 'a') }],
    ['a path', { interpreter: null, needed: ['../../../etc/passwd'] }],
    ['an absolute path', { interpreter: null, needed: ['/etc/shadow'] }],
    ['dots', { interpreter: null, needed: ['..'] }],
    ['a NUL', { interpreter: null, needed: ['libc.so.6\0.png'] }],
    ['a terminal’s escape', { interpreter: null, needed: ['\x1b[2Jlib.so'] }],
    ['an empty name', { interpreter: null, needed: [''] }],
    ['an object', { interpreter: null, needed: [{ toString: () => 'libc.so.6' }] }],
    ['a loader that is no path', { interpreter: 'ld.so', needed: [] }],
    ['a loader that leads up', { interpreter: '/lib/../etc/shadow', needed: [] }],
    ['a loader with a NUL', { interpreter: '/lib/ld.so\0', needed: [] }],
    ['an object in place of a problem', { problem: { toString: 1, valueOf: 1 } }],
    ['a problem in colours', { problem: '\x1b[31mred\x07' }],
  ];

  for (const [what, answer] of HOSTILE) {
    it(`is refused where it is ${what}`, () => {
      const check = (): unknown => checkedAnswer(answer, '/bin/x');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
      expect(check).to.throw(PlanError, /^\/bin\/x cannot be used: [^\x00-\x1f]*$/);
    });
  }
});

describe('addLibrariesForBinary()', () => {
  leakGate();
  onlyWithNamespaces('files beside those that are shown have names there');
  let folder: string;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-libraries-')));
    chmodSync(folder, 0o755);
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function binary(shape: ElfShape, name = 'binary'): string {
    const path = join(folder, name);
    writeFileSync(path, elfFile(shape));
    return path;
  }

  it('shows the loader, its cache and the libraries of a real binary, and nothing else', async () => {
    const listed = execFileSync('ldd', ['/bin/ls'], { encoding: 'utf8' });
    const needed = [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
    const found = await librariesOf('/bin/ls');
    const real = (list: readonly string[]): string[] => [...new Set(list.map((path) => realpathSync(path)))].sort();
    expect(real(found.filter((path) => path !== '/etc/ld.so.cache'))).to.deep.equal(real(needed));

    const selinux = needed.find((path) => path.includes('pcre') || path.includes('selinux')) ?? needed[0] ?? '';
    await using sandboxee = await launchWith(paths.addLibrariesForBinary('/bin/ls'));
    const [library, cache, passwd, itself] = await attempt(
      sandboxee,
      ['stat', realpathSync(selinux)],
      ['stat', '/etc/ld.so.cache'],
      ['stat', '/etc/passwd'],
      ['stat', '/bin/ls'],
    );
    expect([library, cache, passwd, itself]).to.deep.equal(['file', 'file', 'ENOENT', 'ENOENT']);
  });

  it('works for an open file, which stays its owner’s', async () => {
    using fd = Fd.open('/bin/ls');
    expect(await librariesOf(fd)).to.deep.equal(await librariesOf('/bin/ls'));
    expect(fd.number).to.be.at.least(0);
    expect(await refusalOf(librariesOf(fd, { libraryPath: ['$ORIGIN'] }))).to.include('no $ORIGIN');
  });

  it('looks where the caller says, and heeds nothing that the binary says', async () => {
    binary({ needed: ['libc.so.6'] }, 'libown.so.1');
    const path = binary({ needed: ['libown.so.1'] });
    expect(await refusalOf(librariesOf(path))).to.include('links libown.so.1, which is in none of the standard');
    for (const libraryPath of [['$ORIGIN'], [folder]]) {
      const found = await librariesOf(path, { libraryPath });
      expect(found[0]).to.equal(join(folder, 'libown.so.1'));
      expect(found.some((library) => library.endsWith('/libc.so.6'))).to.equal(true);
    }
  });

  it('ends where libraries link each other, or themselves', async () => {
    binary({ needed: ['liba.so', 'libb.so'] }, 'liba.so');
    binary({ needed: ['liba.so'] }, 'libb.so');
    const found = await librariesOf(binary({ needed: ['liba.so'] }), { libraryPath: ['$ORIGIN'] });
    expect(found).to.deep.equal([join(folder, 'liba.so'), join(folder, 'libb.so')]);
  });

  it('shows nothing that a hostile binary names', async () => {
    mkdirSync(join(folder, 'lib'));
    symlinkSync('/etc/passwd', join(folder, 'lib/libevil.so'));
    for (const needed of ['../../../etc/passwd', '/etc/shadow', 'lib/../../x', '..', 'a\x1b[2J']) {
      expect(await refusalOf(librariesOf(binary({ needed: [needed] })))).to.match(/which is no name of a library/);
    }
    for (const interpreter of ['/etc/shadow', '/lib/../etc/shadow', '/etc/passwd', '/proc/self/environ', 'x', '/lib']) {
      expect(await refusalOf(librariesOf(binary({ interpreter })))).to.match(/loader/);
    }
    const through = librariesOf(binary({ needed: ['libevil.so'] }), { libraryPath: ['$ORIGIN/lib'] });
    expect(await refusalOf(through)).to.include('links libevil.so, which is in none');
    // A text in a standard directory is no library either.
    const text = librariesOf(binary({ needed: ['notes.txt'] }), { libraryPath: [folder] });
    writeFileSync(join(folder, 'notes.txt'), 'secret');
    expect(await refusalOf(text)).to.include('no ELF file');
  });

  it('names the call where it fails a launch, before anything else is started', async () => {
    const script = join(folder, 'script');
    writeFileSync(script, '#!/bin/sh\n');
    const failing = async (path: string): Promise<string> =>
      refusalOf(launchWith(policies.node().addLibrariesForBinary(path)));
    expect(await failing(script)).to.equal(
      `addLibrariesForBinary('${script}'): ${script} cannot be used: it is no ELF file`,
    );
    expect(await failing(join(folder, 'absent'))).to.include('cannot be opened: ENOENT');
    expect(await failing(dirname(script))).to.include('cannot be opened');
  });

  it('says how the sandboxee ended that was to parse', async () => {
    const path = binary({ needed: ['libc.so.6'] });
    const killing: typeof launch = async (executor, options) => {
      const sandboxee = await launch(executor, options);
      sandboxee.kill('by the test');
      return sandboxee;
    };
    expect(await refusalOf(findLibraries(path, {}, killing))).to.match(/cannot be parsed: .*ended: killed/);
  });

  it('has a sandboxee of its own for each file that is not the host’s, and one for all that are', async () => {
    let launches = 0;
    const counting: typeof launch = (executor, options) => {
      launches += 1;
      return launch(executor, options);
    };
    const hostile = { broken: (bytes: Buffer) => Buffer.concat([bytes, Buffer.from(folder)]) };
    binary({ needed: ['libc.so.6'], ...hostile }, 'liba.so');
    binary({ needed: ['liba.so'], ...hostile }, 'libb.so');
    // Those of the host are known from here on.
    await librariesOf('/bin/ls');
    await findLibraries(binary({ needed: ['libb.so'], ...hostile }), { libraryPath: [folder] }, counting);
    expect(launches).to.equal(3);
  });

  it('parses a file once, until it changes', async () => {
    let launches = 0;
    const counting: typeof launch = (executor, options) => {
      launches += 1;
      return launch(executor, options);
    };
    const path = binary({ needed: ['libc.so.6'] });
    await findLibraries(path, {}, counting);
    const first = launches;
    await findLibraries(path, {}, counting);
    expect(launches).to.equal(first);
    writeFileSync(path, elfFile({ needed: ['libm.so.6', 'libc.so.6'] }));
    const found = await findLibraries(path, {}, counting);
    expect(launches).to.be.greaterThan(first);
    expect(found[0]?.path).to.match(/libm\.so\.6$/);
  });

  it('is kept within what the other policy of an intersection shows', async () => {
    const libraries = paths.addLibrariesForBinary('/bin/ls').build();
    const library = realpathSync(
      (await librariesOf('/bin/ls')).find((path) => path.includes('libselinux')) ?? '/bin/ls',
    );
    await using without = await launchPuppet({ policy: libraries.intersect(paths.build()) });
    expect(await attempt(without, ['stat', library])).to.deep.equal(['ENOENT']);
    const showing = paths.addDirectory(dirname(library)).build();
    await using within = await launchPuppet({ policy: libraries.intersect(showing) });
    expect(await attempt(within, ['stat', library])).to.deep.equal(['file']);
  });
});
