import { expect } from 'chai';
import { Fd } from '../../protocols/fd.js';
import { decode, t } from '../../protocols/schema/index.js';
import { defineInterface } from '../../protocols/schema/interface.js';
import { writeMessage } from '../../protocols/schema/message.js';
import { Writer } from '../../protocols/schema/writer.js';
import { FakeFds, thrown } from '../comms/support.js';
import { Arrivals, refusal } from './support.js';

const DIRECTORY = 0o040000;
const PIPE = 0o010000;
const O_RDWR = 2;
const O_PATH = 0o10000000;
const pair = t.record({ a: t.fd('file'), b: t.fd('file') });

describe('fds in a message', () => {
  it('are claimed by their indexes, each once, and are the receiver’s', () => {
    const arrivals = new Arrivals();
    const [first, second] = [arrivals.fds.make(), arrivals.fds.make()];
    const { a, b } = decode(pair, Buffer.from([1, 0]), arrivals.make([first, second]));
    expect([a.number, b.number]).to.deep.equal([second, first]);
    expect(arrivals.fds.open.size).to.equal(2);
    a.close();
    b.close();
  });

  const hostile: readonly (readonly [string, readonly number[], number, string])[] = [
    ['named twice', [0, 0], 2, 'b: fd 0 is named twice'],
    ['that never came', [0, 1], 1, 'b: fd 1 is named, and 1 came'],
    ['that nobody names', [0, 1], 3, '1 fds, buffers or remotes came'],
    ['whose message is cut short', [0], 2, 'cut short'],
    ['followed by bytes', [0, 1, 7], 2, '1 bytes follow it'],
  ];
  for (const [name, bytes, count, says] of hostile) {
    it(`(${name}) are all closed, once, and the message is refused`, () => {
      const arrivals = new Arrivals();
      const fds = Array.from({ length: count }, () => arrivals.fds.make());
      expect(refusal(pair, Buffer.from(bytes), arrivals.make(fds))).to.contain(says);
      expect(arrivals.fds.open.size).to.equal(0);
      expect(arrivals.fds.closed).to.have.length(count);
    });
  }

  const kinds: readonly (readonly [string, object, string])[] = [
    ['directory', { mode: DIRECTORY }, 'is a directory, not a file'],
    ['pipe', { mode: PIPE }, 'is a pipe, not a file'],
    ['O_PATH fd', { flags: O_PATH }, 'O_PATH'],
  ];
  for (const [name, facts, says] of kinds) {
    it(`of which one is a ${name} in place of a file are refused and closed`, () => {
      const arrivals = new Arrivals();
      const fds = [arrivals.fds.make(), arrivals.fds.make(facts)];
      expect(refusal(pair, Buffer.from([0, 1]), arrivals.make(fds)))
        .to.contain('b: ')
        .and.to.contain(says);
      expect(arrivals.fds.open.size).to.equal(0);
    });
  }

  it('must be open for what the type says', () => {
    const arrivals = new Arrivals();
    const type = t.fd('file', { access: 'write' });
    expect(refusal(type, Buffer.from([0]), arrivals.make([arrivals.fds.make()]))).to.contain(
      'open for read, not for write',
    );
    const both = decode(type, Buffer.from([0]), arrivals.make([arrivals.fds.make({ flags: O_RDWR })]));
    expect(both.access).to.equal('read-write');
    both.close();
    expect(arrivals.fds.open.size).to.equal(0);
  });

  it('that closed meanwhile do not stop the others from being closed', () => {
    const arrivals = new Arrivals();
    const handles = arrivals.make([arrivals.fds.make()], [arrivals.buffer(4)], [9]);
    handles.discard();
    handles.discard();
    expect(arrivals.fds.closed).to.have.length(1);
    expect(arrivals.discarded).to.deep.equal([4]);
    expect(arrivals.released).to.deep.equal([9]);
  });
});

describe('fds in a value that is sent', () => {
  const fds = new FakeFds();
  const make = (facts = {}) => Fd.adopt(fds.make(facts), fds);

  it('are closed where the value is refused, those before the fault and those after it', () => {
    const type = t.record({ a: t.fd('file'), b: t.uint8(), c: t.array(t.fd('file')), d: t.optional(t.fd('file')) });
    const value = { a: make(), b: 256, c: [make(), make()], d: make() };
    expect(thrown(() => writeMessage(type, new Writer(100), value, 'it'))).to.be.instanceOf(Error);
    expect(fds.open.size).to.equal(0);
  });

  it('are closed in a variant, and in one that does not exist', () => {
    const type = t.union('kind', {
      one: { a: t.fd('file') },
      other: { b: t.map(t.string(), t.fd('file')), c: t.bool() },
    });
    for (const value of [
      { kind: 'one', a: make({ mode: PIPE }) },
      { kind: 'x', a: make() },
      { kind: 'other', b: new Map([['k', make()]]) },
    ]) {
      expect(thrown(() => writeMessage(type, new Writer(100), value, 'it'))).to.be.instanceOf(Error);
    }
    expect(fds.open.size).to.equal(0);
  });

  it('cannot be one and the same', () => {
    const same = make();
    expect(thrown(() => writeMessage(pair, new Writer(100), { a: same, b: same }, 'it')))
      .to.have.property('message')
      .that.contains('twice');
    expect(fds.open.size).to.equal(0);
  });

  it('cannot be bare numbers, nor an Fd that was moved', () => {
    expect(thrown(() => writeMessage(t.fd('file'), new Writer(9), 3, 'it')))
      .to.have.property('message')
      .that.contains('bare number');
    const moved = make();
    fds.close(moved.release());
    expect(thrown(() => writeMessage(t.fd('file'), new Writer(9), moved, 'it'))).to.have.property(
      'code',
      'ERR_SALLYPORT_USE_AFTER_MOVE',
    );
  });

  it('are not moved before the whole of the value is written', () => {
    const writer = new Writer(100);
    const value = { a: make(), b: make() };
    writeMessage(pair, writer, value, 'it');
    expect([...writer.written]).to.deep.equal([0, 1]);
    expect(writer.handles.fds).to.deep.equal([value.a, value.b]);
    value.a.close();
    value.b.close();
  });
});

describe('remotes in a message', () => {
  const Store = defineInterface('store@1', { get: t.method({ input: { key: t.string() }, output: t.string() }) });
  const Other = defineInterface('other@1', {});

  it('are released where the message is refused', () => {
    const arrivals = new Arrivals();
    const type = t.record({ a: t.remote(Store), b: t.remote(Store) });
    expect(refusal(type, Buffer.from([0, 0]), arrivals.make([], [], [5, 6]))).to.contain('named twice');
    expect(arrivals.released.sort()).to.deep.equal([5, 6]);
  });

  it('are given as a service of that interface, and as nothing else', () => {
    const type = t.remote(Store);
    for (const value of [{}, { get: () => 'x' }, { interface: Other }, { interface: {} }, null]) {
      expect(thrown(() => writeMessage(type, new Writer(9), value, 'it')))
        .to.have.property('message')
        .that.contains('service');
    }
  });
});
