import { expect } from 'chai';
import { defer } from '../../protocols/deferred.js';
import { defineInterface, type Implementation, type StandardSchema, t } from '../../protocols/schema/index.js';
import { KiB, MiB } from '../../protocols/units.js';
import { rejection, settle } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { PeerPair } from './support.js';

const Files = defineInterface('files@1', {
  keep: t.method({
    input: {
      name: t.string(),
      parts: t.array(t.bytes({ max: 8 * MiB })),
      file: t.optional(t.fd('file')),
      end: t.string(),
    },
    output: { parts: t.array(t.bytes({ max: 8 * MiB })), end: t.string() },
  }),
});

/** Below, at and above the sizes from which bytes are sent from where they are, and around those of the buffers between. */
const SIZES = [0, 1, 8 * KiB, 16 * KiB - 1, 16 * KiB, 64 * KiB - 60, 64 * KiB, 3, MiB, MiB + 1, 100 * KiB, 7];

function parts(sizes: readonly number[]): Buffer[] {
  return sizes.map((size, index) => {
    const bytes = Buffer.allocUnsafe(size);
    for (let at = 0; at < size; at += 1) bytes[at] = at * 31 + (at >> 8) + index;
    return bytes;
  });
}

describe('a call with much input', () => {
  leakGate();
  let pair: PeerPair;
  beforeEach(() => {
    pair = new PeerPair();
  });
  afterEach(() => {
    pair.close();
    expect(pair.violations).to.deep.equal([]);
    expect([...pair.fds.open]).to.deep.equal([]);
  });
  const connect = (keep: Implementation<typeof Files>['keep']) => {
    pair.sandboxee.peer.serve(Files, { keep });
    return pair.broker.peer.connect(Files);
  };

  it('arrives as it was given, small parts and large ones in any order, and so does the answer', async () => {
    const given = parts(SIZES);
    const files = connect(({ name, parts: came, end }) => ({ parts: came.toReversed(), end: name + end }));
    const answers = await Promise.all(
      [1, 2, 3].map((n) => files.keep({ name: `n${n}`, parts: given, end: 'e'.repeat(20 * KiB) })),
    );
    for (const [index, answer] of answers.entries()) {
      expect(answer.end).to.equal(`n${index + 1}${'e'.repeat(20 * KiB)}`);
      expect(answer.parts.map((part) => part.toString('latin1'))).to.deep.equal(
        given.toReversed().map((part) => part.toString('latin1')),
      );
    }
  });

  it('is what it was when the call was made, whatever becomes of that memory', async () => {
    const given = parts([200 * KiB, 10, MiB]);
    const before = given.map((part) => Buffer.from(part));
    const files = connect(({ parts: came, end }) => ({ parts: came, end }));
    const answer = files.keep({ name: '', parts: given, end: '' });
    for (const part of given) part.fill(0);
    for (const [index, part] of (await answer).parts.entries())
      expect(part.equals(before[index] ?? part)).to.equal(true);
  });

  it('fails, and nothing of it is sent, where memory is taken away while it is encoded', async () => {
    const files = connect(({ parts: came, end }) => ({ parts: came, end }));
    const memory = new Uint8Array(new ArrayBuffer(64 * KiB));
    const hostile = {
      name: '',
      parts: [memory],
      file: pair.fd(),
      get end(): string {
        structuredClone(memory.buffer, { transfer: [memory.buffer] });
        return '';
      },
    };
    const error = await rejection(files.keep(hostile));
    expect(error).to.have.property('name', 'InvalidArgument');
    expect(String(error)).to.contain('detached');
    const answer = await files.keep({ name: '', parts: [Buffer.from('next')], end: 'after' });
    expect([String(answer.parts[0]), answer.end]).to.deep.equal(['next', 'after']);
  });

  it('has as many bytes as there are, whatever an object says of itself', async () => {
    const files = connect(({ parts: came, end }) => ({ parts: came, end }));
    class Odd extends Uint8Array {
      override get length(): number {
        return 20_000;
      }
      override get byteLength(): number {
        return 20_000;
      }
    }
    for (const size of [10, 100, 5000, 40_000]) {
      const answer = await files.keep({ name: '', parts: [new Odd(size).fill(7)], end: 'x' });
      expect(answer.parts[0]).to.have.length(size);
    }
    // The types have none that grows yet.
    const growing: SharedArrayBuffer = Reflect.construct(SharedArrayBuffer, [20_000, { maxByteLength: 60_000 }]);
    const grown = {
      name: '',
      parts: [new Uint8Array(growing)],
      get end(): string {
        Reflect.apply(Reflect.get(growing, 'grow'), growing, [60_000]);
        return '';
      },
    };
    expect((await files.keep(grown)).parts[0]).to.have.length(20_000);
  });

  it('whose signal is aborted by what it runs while it is encoded is given up there, too', async () => {
    const given = defer<AbortSignal>();
    const files = connect((_input, { signal }) => {
      given.resolve(signal);
      return new Promise(() => {});
    });
    const controller = new AbortController();
    const input = {
      name: '',
      parts: [],
      get end(): string {
        controller.abort();
        return '';
      },
    };
    const error = await rejection(files.keep(input, { signal: controller.signal }));
    expect(error).to.have.property('name', 'AbortError');
    await settle();
    expect(pair.broker.peer.usage().made.calls.used).to.equal(0);
  });

  it('of which a schema closes the channel leaves nothing of what came with it', async () => {
    const closing: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => {
          if (isArmed) pair.sandboxee.comms.close();
          return { value };
        },
      },
    };
    let isArmed = false;
    const Odd = defineInterface('odd@1', {
      put: t.method({ input: { file: t.fd('file'), value: t.value(closing), other: t.fd('file') } }),
    });
    pair.sandboxee.peer.serve(Odd, { put: () => {} });
    const odd = pair.broker.peer.connect(Odd);
    const call = rejection(odd.put({ file: pair.fd(), value: 1, other: pair.fd() }));
    isArmed = true;
    expect(await call).to.have.property('name', 'PeerGone');
    await settle();
  });

  it('is refused above what one message may have, however it is put together', async () => {
    const files = connect(({ end }) => ({ parts: [], end }));
    const most = pair.broker.comms.limits.maxMessage;
    const many = Array.from({ length: Math.ceil(most / (8 * MiB)) }, () => Buffer.alloc(8 * MiB));
    const error = await rejection(files.keep({ name: '', parts: many, end: '' }));
    expect(error).to.have.property('name', 'LimitExceeded');
    expect((await files.keep({ name: '', parts: [], end: 'x' })).end).to.equal('x');
    expect(pair.broker.peer.usage().made.bytes.used).to.equal(0);
  });
});
