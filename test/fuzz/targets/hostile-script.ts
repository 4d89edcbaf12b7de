import { Tag } from '../../../protocols/tags.js';
import { Everything, Logger, Store } from '../../calls/support.js';
import type { HostilePeer } from '../../comms/support.js';
import type { Choices } from '../choices.js';
import { type MemberShape, sampleOf, shapesOf, type Written } from './shapes.js';

const BINDING = 0x80000000;
const INTERFACES = [Everything, Store, Logger] as const;
const SHAPES = new Map(INTERFACES.map((each) => [each.name, shapesOf(each)]));
const everything = SHAPES.get(Everything.name) ?? [];
const EDGES: readonly [number, ...number[]] = [0, 1, 2, 5, 63, 64, 0x7fffffff, BINDING, BINDING + 1, 0xffffffff];
const OTHER_TAGS: readonly [number, ...number[]] = [
  Tag.Bool,
  Tag.Fd,
  Tag.SharedBuffer,
  Tag.AttachBuffer,
  Tag.BufferGrant,
  Tag.BufferRequest,
  Tag.BufferRelease,
  Tag.SharedBufferById,
  Tag.AttachBufferById,
  Tag.BufferGrantById,
  Tag.BufferKept,
  Tag.Hello,
  Tag.Go,
  7,
  0xffffffff,
];

/** The other side, as an attacker plays it: it keeps the protocol for a while, or nearly, as the input says. */
export class HostileScript {
  readonly #choices: Choices;
  readonly #peer: HostilePeer;
  /** What we were called, which can be answered. */
  readonly #asked: { readonly id: number; readonly member: MemberShape }[] = [];
  #received: Buffer = Buffer.alloc(0);
  #calls = 0;
  #bindings = 0;
  sent = 0;

  constructor(choices: Choices, peer: HostilePeer) {
    this.#choices = choices;
    this.#peer = peer;
    peer.transport.onBatch = (filled, passed) => {
      for (const fd of passed ?? []) peer.fds.close(fd);
      this.#read(peer.transport.slab.subarray(0, filled));
      return filled;
    };
  }

  #read(arrived: Buffer): void {
    this.#received = Buffer.concat([this.#received, arrived]);
    while (this.#received.length >= 12) {
      const end = 12 + this.#received.readUInt32LE(4);
      if (this.#received.length < end) return;
      if (this.#received.readUInt32LE(0) === Tag.Call) {
        const member = everything[this.#received.readUInt32LE(20)];
        if (member !== undefined) this.#asked.push({ id: this.#received.readUInt32LE(12), member });
      }
      this.#received = this.#received.subarray(end);
    }
  }

  /** One frame, or one with those that belong before it. */
  step(): void {
    const choices = this.#choices;
    switch (choices.below(20)) {
      case 0:
      case 1:
        this.#connect();
        break;
      case 2:
      case 3:
      case 4:
      case 5:
        this.#call();
        break;
      case 6:
        this.#words(Tag.Cancel, this.#id());
        break;
      case 7:
        this.#words(Tag.Credit, this.#id(), this.#number(), this.#number());
        break;
      case 8:
        this.#words(Tag.Release, this.#target());
        break;
      case 9:
        this.#words(Tag.Listen, this.#target(), choices.below(32));
        break;
      case 10:
        this.#words(Tag.Connected, BINDING + choices.below(3));
        break;
      case 11:
        this.#refused();
        break;
      case 12:
      case 13:
        this.#answer();
        break;
      case 14:
        this.#answer();
        break;
      case 15:
        this.#answer();
        break;
      case 16:
        this.#event();
        break;
      case 17:
        this.#attach(choices.once(8) ? 70 : 1 + choices.below(3));
        break;
      case 18:
        this.#frame(
          choices.once(3) ? Tag.EventsEnded : Tag.AttachDrop,
          choices.once(3) ? this.#pair() : Buffer.alloc(0),
        );
        break;
      default:
        this.#nonsense();
        break;
    }
  }

  #connect(): void {
    const target = this.#choices.pick([Everything, Everything, Everything, Store, Logger]);
    const id = this.#choices.once(6) ? this.#number() : BINDING + this.#bindings++;
    const name = this.#choices.once(12) ? 'other@1' : target.name;
    const hash = this.#choices.once(12) ? Buffer.alloc(32) : target.hash;
    this.#frame(Tag.Connect, Buffer.concat([words(id), hash, Buffer.from([name.length]), Buffer.from(name)]));
  }

  #call(): void {
    const choices = this.#choices;
    const shapes = choices.once(6) ? (SHAPES.get(Store.name) ?? []) : everything;
    const ordinal = choices.below(shapes.length);
    const member = shapes[ordinal];
    const id = choices.once(6) ? this.#id() : this.#calls++;
    const head = words(id, this.#target(), choices.once(24) ? this.#number() : ordinal);
    this.#message(Tag.Call, head, member === undefined ? nothing : sampleOf(member.input, choices));
  }

  /** Mostly to a call that was made and waits, since any other answer ends the channel. */
  #answer(): void {
    const choices = this.#choices;
    if (choices.once(32)) {
      this.#message(Tag.Return, words(choices.below(12)), nothing);
      return;
    }
    const [asked] = this.#asked.splice(choices.below(Math.max(1, Math.min(200, this.#asked.length))), 1);
    if (asked === undefined) return;
    const { id, member } = asked;
    const isItem = member.kind === 'stream' && !choices.once(4);
    if (isItem || choices.once(32)) this.#asked.push(asked);
    if (isItem) this.#message(Tag.Item, words(id), sampleOf(member.output, choices));
    else if (choices.once(6)) this.#fail(id);
    else this.#message(Tag.Return, words(id), member.kind === 'stream' ? nothing : sampleOf(member.output, choices));
  }

  #event(): void {
    const events = everything.flatMap((member, ordinal) => (member.kind === 'event' ? [{ member, ordinal }] : []));
    const { member, ordinal } = this.#choices.pick(nonEmpty(events));
    const value = sampleOf(member.input, this.#choices);
    this.#frame(
      Tag.Event,
      this.#nearly(Buffer.concat([words(BINDING + this.#choices.below(2), ordinal), value.bytes])),
    );
  }

  #refused(): void {
    const description = this.#choices.once(2) ? Everything.description : 'interface x\n\x1b[2J\u202e';
    const head = words(BINDING + this.#choices.below(3));
    this.#frame(Tag.Refused, Buffer.concat([head, Buffer.from([this.#choices.below(4)]), Buffer.from(description)]));
  }

  #fail(id: number): void {
    const payload = Buffer.concat([words(id), Buffer.from([this.#choices.below(8), this.#choices.once(3) ? 0xff : 0])]);
    this.#frame(Tag.Fail, Buffer.concat([payload, this.#choices.bytes(this.#choices.below(4))]));
  }

  /** With what it counts, or nearly. */
  #message(tag: number, head: Buffer, { bytes, fds, remotes }: Written): void {
    const choices = this.#choices;
    const isHonest = !choices.once(8);
    if (fds > 0 || !isHonest) this.#attach(isHonest ? fds : choices.below(3));
    const counts = isHonest ? [fds, 0, remotes, 0] : [fds, choices.below(2), choices.below(4), choices.once(8) ? 1 : 0];
    const ids = Array.from({ length: remotes }, () => (choices.once(4) ? this.#number() : 1 + choices.below(3)));
    const payload = Buffer.concat([head, Buffer.from(counts), this.#nearly(bytes), words(...ids)]);
    this.#frame(tag, payload);
  }

  #attach(count: number): void {
    const { fds } = this.#peer;
    for (let each = 0; each < count; each++) {
      const facts = this.#choices.once(8) ? { mode: 0o040000 } : {};
      this.sent += 1;
      this.#peer.frame(Tag.AttachFd, undefined, [fds.make(facts)]);
    }
  }

  #nonsense(): void {
    const tag = this.#choices.once(3) ? Tag.Call : this.#choices.pick(OTHER_TAGS);
    const fds = this.#choices.once(3) ? [this.#peer.fds.make()] : [];
    this.#peer.send(
      Buffer.concat([words(tag, this.#choices.once(2) ? 4 : this.#number(), 0), this.#choices.bytes(4)]),
      fds,
    );
  }

  #nearly(bytes: Buffer): Buffer {
    const choices = this.#choices;
    if (!choices.once(10)) return bytes;
    if (choices.once(2)) return bytes.subarray(0, Math.max(0, bytes.length - 1 - choices.below(4)));
    if (choices.once(2)) return Buffer.concat([bytes, choices.bytes(1 + choices.below(4))]);
    const changed = Buffer.from(bytes);
    if (changed.length > 0) changed[choices.below(256) % changed.length] = choices.byte();
    return changed;
  }

  #words(tag: number, ...values: number[]): void {
    this.#frame(tag, words(...values));
  }

  #frame(tag: number, payload: Buffer): void {
    this.sent += 1;
    this.#peer.frame(tag, payload);
  }

  #id(): number {
    return this.#choices.below(this.#calls + 2);
  }

  #target(): number {
    if (this.#choices.once(8)) return this.#number();
    return this.#choices.once(4)
      ? 1 + this.#choices.below(3)
      : BINDING + this.#choices.below(Math.min(250, this.#bindings + 1));
  }

  #number(): number {
    return this.#choices.pick(EDGES);
  }

  #pair(): Buffer {
    return words(BINDING, this.#choices.below(20));
  }
}

const nothing: Written = { bytes: Buffer.alloc(0), fds: 0, remotes: 0 };

export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * index);
  return bytes;
}

function nonEmpty<Item>(items: readonly Item[]): readonly [Item, ...Item[]] {
  const [first, ...rest] = items;
  if (first === undefined) throw new Error('there is nothing to choose from');
  return [first, ...rest];
}
