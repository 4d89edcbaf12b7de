import { expect } from 'chai';
import { InvalidArgument } from '../../protocols/errors.js';
import { describeDifference } from '../../protocols/schema/description.js';
import { defineInterface, type Interface, t } from '../../protocols/schema/index.js';
import { thrown } from '../comms/support.js';

const define = (max: number) =>
  defineInterface('pictures@1', {
    make: t.method({
      input: { source: t.fd('file'), width: t.uint32({ max }) },
      output: { pixels: t.sharedBuffer() },
      errors: ['too-large'],
    }),
    progress: t.event({ done: t.uint32() }, { overflow: 'latest' }),
    pages: t.stream({ item: t.bytes(), window: 8 }),
  });

describe('an interface', () => {
  it('has one description and one hash, whoever defines it', () => {
    expect(define(9).hash.equals(define(9).hash)).to.equal(true);
    expect(define(9).description.split('\n')).to.deep.equal([
      'interface pictures@1',
      '  make ({source: fd(file), width: uint32(..9)}) -> {pixels: sharedBuffer(writable)} ! too-large',
      '  progress event {done: uint32} latest(1)',
      '  pages ({}) => stream bytes(1048576) (8, 262144)',
    ]);
  });

  it('that differs has another hash, and the difference can be read', () => {
    const [ours, theirs] = [define(9), define(10)];
    expect(ours.hash.equals(theirs.hash)).to.equal(false);
    const difference = describeDifference(ours.description, theirs.description).split('\n');
    expect(difference).to.have.length(2);
    expect(difference[0]).to.contain('- here:  make').and.to.contain('..9');
    expect(difference[1]).to.contain('+ there: make').and.to.contain('..10');
  });

  it('is described to a peer’s liking only within bounds', () => {
    const theirs = Array.from({ length: 100 }, (_, index) => `\x1b${index} ${'x'.repeat(1000)}`).join('\n');
    const text = describeDifference('interface a', theirs);
    expect(text.length).to.be.below(4000);
    expect(text).to.not.contain('\x1b');
  });

  it('differs with the interfaces whose remotes it passes', () => {
    const outer = (inner: Interface) => defineInterface('outer@1', { get: t.method({ output: t.remote(inner) }) });
    expect(outer(define(9)).hash.equals(outer(define(10)).hash)).to.equal(false);
    expect(outer(define(9)).hash.equals(outer(define(9)).hash)).to.equal(true);
  });

  it('may pass its own kind', () => {
    const Folder: Interface = defineInterface('folder@1', {
      open: t.method({ input: { name: t.string() }, output: t.remote((): Interface => Folder) }),
    });
    expect(Folder.description).to.contain('-> remote(folder@1)');
  });

  it('cannot pass two others of one name', () => {
    const both = defineInterface('both@1', {
      a: t.method({ output: t.remote(define(1)) }),
      b: t.method({ output: t.remote(define(2)) }),
    });
    expect(thrown(() => both.hash)).to.be.instanceOf(InvalidArgument);
  });

  it('is frozen, and its members have ordinals in the order of their definition', () => {
    const { table } = define(1);
    expect(Object.isFrozen(table)).to.equal(true);
    expect(table.map(({ name }) => name)).to.deep.equal(['make', 'progress', 'pages']);
  });

  for (const name of ['then', 'toString', '__proto__', 'a b', '0']) {
    it(`has no member ${name}`, () => {
      expect(thrown(() => defineInterface('x', { [name]: t.method() }))).to.be.instanceOf(InvalidArgument);
    });
  }
});
