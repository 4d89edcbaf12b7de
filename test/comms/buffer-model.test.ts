import { closeSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { encodeFacts, encodeId } from '../../protocols/buffer-frames.js';
import { BufferPool } from '../../protocols/buffer-pool.js';
import { BufferQuota } from '../../protocols/errors.js';
import type { BufferMode, SharedBuffer } from '../../protocols/shared-buffer.js';
import { Tag } from '../../protocols/tags.js';
import { KiB, MiB } from '../../protocols/units.js';
import { leakGate } from '../support/leak-gate.js';
import { brokerMemory, HostilePeer, settle } from './support.js';

/** What the pool must believe of one memory. */
interface Model {
  state: 'lent' | 'held' | 'free';
  kept: boolean;
  size: number;
  mode: BufferMode;
}

type Step =
  | { readonly does: 'lend'; readonly size: number; readonly mode: BufferMode }
  | { readonly does: 'close' }
  | Said;

/** Frames of the peer. Most that would be lies are left out, so that what follows is tried as well. */
type Said =
  | { readonly does: 'keep' | 'release'; readonly id: number; readonly mayLie: boolean }
  | {
      readonly does: 'send';
      readonly id: number;
      readonly size: number | null;
      readonly mode: BufferMode | null;
      readonly mayLie: boolean;
    };

const mode = fc.constantFrom<BufferMode>('writable', 'unsafe', 'read-only');
const size = fc.constantFrom(1, 1000, 64 * KiB, 64 * KiB + 1, 200 * KiB);
const id = fc.constantFrom(1, 2, 3, 4, 0xffffffff);
const mayLie = fc.integer({ min: 0, max: 19 }).map((number) => number === 0);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ does: fc.constant('lend' as const), size, mode }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('close' as const) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constantFrom('keep' as const, 'release' as const), id, mayLie }) },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('send' as const),
      id,
      size: fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: size }),
      mode: fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: mode }),
      mayLie,
    }),
  },
);

function isTrueOf(
  model: Model,
  does: Said['does'],
  facts: { readonly size: number; readonly mode: BufferMode },
): boolean {
  if (model.state !== 'lent') return false;
  if (does === 'keep') return !model.kept;
  return does === 'release' || (model.kept && facts.size === model.size && facts.mode === model.mode);
}

class Play {
  readonly pool = new BufferPool(brokerMemory, { sharedMemory: MiB, sharedBuffers: 4, mappedMemory: 128 * KiB });
  readonly peer = new HostilePeer({ fds: brokerMemory, buffers: this.pool, pair: { closeFd: closeSync } });
  readonly #model = new Map<number, Model>();
  readonly #held: SharedBuffer[] = [];

  /** False once the peer has been found out. */
  async take(step: Step): Promise<boolean> {
    if (step.does === 'lend') this.#lend(step.size, step.mode);
    else if (step.does === 'close') this.#close();
    else if (!(await this.#says(step))) return false;
    this.#check();
    return true;
  }

  end(): void {
    this.peer.comms.close();
    this.pool.close();
    for (const buffer of this.#held) {
      expect(buffer.copyOut().length).to.equal(buffer.size);
      buffer.close();
    }
    expect([this.pool.charged, this.pool.mapped.used]).to.deep.equal([0, 0]);
  }

  #lend(wanted: number, as: BufferMode): void {
    let buffer: SharedBuffer;
    try {
      buffer = this.pool.create(wanted, as);
    } catch (error) {
      expect(error).to.be.instanceOf(BufferQuota);
      return;
    }
    const known = this.#model.get(buffer.id);
    expect(known?.state ?? 'free', 'only what is free is lent').to.equal('free');
    const { fd, facts } = this.pool.depart(buffer);
    expect(fd === null).to.equal(known?.kept ?? false);
    if (fd !== null) closeSync(fd);
    this.#model.set(facts.id, { state: 'lent', kept: known?.kept ?? false, size: facts.size, mode: facts.mode });
  }

  #close(): void {
    const buffer = this.#held.shift();
    if (buffer === undefined) return;
    buffer.close();
    const model = this.#model.get(buffer.id);
    if (model !== undefined) model.state = 'free';
  }

  async #says(said: Said): Promise<boolean> {
    const model = this.#model.get(said.id);
    const facts = {
      id: said.id,
      size: (said.does === 'send' ? said.size : null) ?? model?.size ?? 1,
      mode: (said.does === 'send' ? said.mode : null) ?? model?.mode ?? 'writable',
    };
    const isTrue = model !== undefined && isTrueOf(model, said.does, facts);
    if (!isTrue && !said.mayLie) return true;
    if (said.does === 'send') this.peer.frame(Tag.SharedBufferById, encodeFacts(facts));
    else this.peer.frame(said.does === 'keep' ? Tag.BufferKept : Tag.BufferRelease, encodeId(said.id));
    await settle(4);
    expect(this.peer.violations.length, JSON.stringify(said)).to.equal(isTrue ? 0 : 1);
    if (!isTrue) return false;
    if (said.does === 'keep') model.kept = true;
    else model.state = said.does === 'send' ? 'held' : 'free';
    if (said.does === 'send') await this.#receive(said.id);
    return true;
  }

  async #receive(sent: number): Promise<void> {
    const buffer = await this.peer.comms.recvBuffer();
    expect(buffer.id).to.equal(sent);
    if (buffer.mode === 'unsafe') expect(buffer.unsafeBytes().length).to.equal(buffer.size);
    this.#held.push(buffer);
  }

  #check(): void {
    expect(new Set(this.#held.map((buffer) => buffer.id)).size).to.equal(this.#held.length);
    for (const buffer of this.#held) expect(buffer.copyOut(buffer.size - 1).length).to.equal(1);
    expect(this.pool.charged).to.be.at.most(MiB);
    expect(this.pool.mapped.used).to.be.at.most(this.pool.charged);
  }
}

describe('the pool of a sandboxee that says whatever it likes of its buffers', () => {
  leakGate();

  it('believes what a model of it believes, and finds out the first lie', async () => {
    let found = 0;
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), async (steps) => {
        const play = new Play();
        try {
          for (const each of steps) {
            taken += 1;
            if (await play.take(each)) continue;
            found += 1;
            break;
          }
        } finally {
          play.end();
        }
      }),
      { numRuns: 300 },
    );
    expect(found, 'lies').to.be.above(100);
    expect(taken / found, 'steps before them').to.be.above(5);
  }).timeout(60_000);
});
