import { expect } from 'chai';
import fc from 'fast-check';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { PolicyError } from '../../broker/policy/errors.js';
import { type Content, contentAt, type FilesystemPolicy } from '../../broker/policy/filesystem.js';
import type { Policy } from '../../broker/policy/policy.js';
import { dangerouslyAllowUnrestrictedNetworking, dangerouslyAllowWriteExecutable } from '../../broker/policy/tokens.js';
import { X64 } from './filters.js';

const empty = (): PolicyBuilder => new PolicyBuilder({ arch: X64 });

/** Few, and in each other, so that policies meet. */
const PATHS = ['/a', '/a/b', '/a/b/c', '/a/d', '/e', '/e/b', '/e/b/c', '/f'];
const path = fc.constantFrom(...PATHS);
const options = fc.constantFrom({}, { writable: true });

type Change = (builder: PolicyBuilder) => PolicyBuilder;

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(path, options).map(
    ([at, how]): Change =>
      (builder) =>
        builder.addDirectory(at, how),
  ),
  fc.tuple(path, options).map(
    ([at, how]): Change =>
      (builder) =>
        builder.addFile(at, how),
  ),
  fc.tuple(path, options).map(
    ([at, how]): Change =>
      (builder) =>
        builder.addDirectoryIfExists(at, how),
  ),
  fc.tuple(path, path, options).map(
    ([from, to, how]): Change =>
      (builder) =>
        builder.addDirectoryAt(from, to, how),
  ),
  fc.tuple(path, path, options).map(
    ([from, to, how]): Change =>
      (builder) =>
        builder.addFileAt(from, to, how),
  ),
  fc.tuple(path, fc.constantFrom(4096, 8192)).map(
    ([at, size]): Change =>
      (builder) =>
        builder.addTmpfs(at, size),
  ),
  fc.constantFrom<Change>(
    (builder) => builder.setRootWritable(4096),
    (builder) => builder.setRootWritable(8192),
    (builder) => builder.setHostname('one'),
    (builder) => builder.setWorkingDirectory('/a'),
    (builder) => builder.allowUnrestrictedNetworking(dangerouslyAllowUnrestrictedNetworking),
    (builder) => builder.allowWriteExecutable(dangerouslyAllowWriteExecutable),
  ),
);

/** Those that build. */
const policies: fc.Arbitrary<Policy> = fc
  .array(changes, { maxLength: 6 })
  .map((list) => {
    try {
      return list.reduce((builder, change) => change(builder), empty()).build();
    } catch (error) {
      if (error instanceof PolicyError) return undefined;
      throw error;
    }
  })
  .filter((policy) => policy !== undefined);

const ASKED = [...PATHS, ...PATHS.map((each) => `${each}/x`), '/', '/g'];

/** Worked out anew for each path, without the code that intersects. */
function isWithin(both: Content, part: Content): boolean {
  if (both.kind === 'nothing' || both.kind === 'hidden') return true;
  // Memory of the sandboxee's own shows nothing of the host, and may take the place of what does.
  if (both.kind === 'memory') return true;
  if (part.kind !== 'host' || part.path !== both.path) return false;
  return both.grant.access === 'read' || part.grant.access === 'write';
}

function memoryOf({ tmpfs, writableRoot = 0 }: FilesystemPolicy): number {
  return tmpfs.reduce((sum, { size }) => sum + size, writableRoot);
}

describe('intersect(), of files', () => {
  it('never widens: what is seen, and may be written, is so in both', () => {
    fc.assert(
      fc.property(policies, policies, policies, (a, b, c) => {
        for (const both of [a.intersect(b).intersect(c), a.intersect(b.intersect(c))]) {
          for (const at of ASKED) {
            for (const part of [a, b, c]) {
              expect(isWithin(contentAt(both.filesystem, at), contentAt(part.filesystem, at)), at).to.equal(true);
            }
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('shows what both show', () => {
    fc.assert(
      fc.property(policies, policies, (a, b) => {
        const both = a.intersect(b).filesystem;
        for (const at of ASKED) {
          const [first, second] = [contentAt(a.filesystem, at), contentAt(b.filesystem, at)];
          if (first.kind !== 'host' || second.kind !== 'host' || first.path !== second.path) continue;
          if (first.grant.kind !== second.grant.kind && first.grant.inside === second.grant.inside) continue;
          expect(contentAt(both, at).kind, at).to.equal('host');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is with itself the same, and from both sides the same but for names', () => {
    fc.assert(
      fc.property(policies, policies, (a, b) => {
        expect(a.intersect(a).diff(a).files).to.deep.equal([]);
        expect(a.intersect(b).diff(b.intersect(a)).files).to.deep.equal([]);
      }),
      { numRuns: 200 },
    );
  });

  it('takes nothing from either where the other says nothing', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        for (const both of [policy.intersect(empty().build()), empty().build().intersect(policy)]) {
          const { grants, tmpfs, libraries, writableRoot, network, writeExecutable } = both.filesystem;
          expect({ grants, tmpfs, libraries, writableRoot, network, writeExecutable }).to.deep.equal({
            grants: [],
            tmpfs: [],
            libraries: [],
            writableRoot: undefined,
            network: 'none',
            writeExecutable: false,
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  it('has no more memory than either, no network and no execution that not both have', () => {
    fc.assert(
      fc.property(policies, policies, (a, b) => {
        const both = a.intersect(b).filesystem;
        expect(both.writableRoot ?? 0).to.be.at.most(Math.min(memoryOf(a.filesystem), memoryOf(b.filesystem)));
        const isHost = [a, b].every(({ filesystem }) => filesystem.network === 'host');
        expect(both.network).to.equal(isHost ? 'host' : 'none');
        expect(both.writeExecutable).to.equal([a, b].every(({ filesystem }) => filesystem.writeExecutable));
      }),
      { numRuns: 200 },
    );
  });

  it('hides what only one of them shows in the midst of what both show', () => {
    const a = empty().addDirectory('/data').addDirectoryAt('/elsewhere', '/data/inner').build();
    const b = empty().addDirectory('/data', { writable: true }).build();
    const { grants, hidden } = a.intersect(b).filesystem;
    expect(grants.map(({ inside, access }) => [inside, access])).to.deep.equal([['/data', 'read']]);
    expect(hidden).to.deep.equal(['/data/inner']);
  });

  it('keeps a file from leading out of the folder that the other shows', () => {
    const both = empty().addFile('/data/link').build().intersect(empty().addDirectory('/data').build());
    expect(both.filesystem.grants[0]).to.deep.include({ outside: '/data/link', within: ['/data'] });
  });

  it('keeps libraries within what the other shows', () => {
    const a = empty().addLibrariesForBinary('/bin/x').build();
    const b = empty().addDirectory('/usr/lib').build();
    const { libraries } = a.intersect(b).filesystem;
    expect(libraries.map(({ path: binary, within }) => [binary, within])).to.deep.equal([['/bin/x', [b.filesystem]]]);
  });
});
