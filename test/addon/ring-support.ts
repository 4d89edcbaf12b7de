import { makeRingMemory } from '../../broker/ring-offer.js';
import type { NativeMapping } from '../../native/shared.js';
import { attacker, broker, eventually, Peer, type PeerOptions, sandboxee } from './support.js';

export const CAPACITY = 64 * 1024;
export const CONTROL = 64 * 1024;
export const SIZE = CONTROL + 2 * CAPACITY;
export const DOORBELL = Buffer.alloc(8, 0xff);

/** Statuses: what `RingFault` says. */
export const Fault = {
  Index: -1001,
  Doorbells: -1002,
  FdRecord: -1003,
  FdPosition: -1004,
  FdCount: -1005,
  Torn: -1006,
} as const;

/** Byte offsets in a ring's control words. */
const WORDS = { head: 0, fds: 8, tail: 128, sleeping: 256, waiting: 384, attached: 512, cpu: 640 } as const;
const CONTROL_SIZE = 768;
export type Word = keyof typeof WORDS;

export function record(position: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(position);
  return bytes;
}

/** Two endpoints that have changed over to rings. */
export function ringPair(first: PeerOptions = {}, second: PeerOptions = {}, spin = 0): [Peer, Peer] {
  const [a, b] = broker.socketpair();
  const pair: [Peer, Peer] = [new Peer(a, first), new Peer(b, { binding: sandboxee, ...second })];
  const memory = makeRingMemory(SIZE);
  for (const [side, peer] of pair.entries()) {
    peer.endpoint.mapRing(memory, { capacity: CAPACITY, broker: side === 0, spin });
    peer.endpoint.readRing();
    peer.endpoint.writeRing();
    peer.endpoint.start();
  }
  broker.close(memory);
  return pair;
}

/** A broker's endpoint over rings, and the other side in the attacker's hands: raw socket and raw memory. */
export class RingAttack {
  readonly peer: Peer;
  readonly raw: number;
  readonly mapping: NativeMapping;
  readonly memory: ArrayBuffer;
  readonly #view: DataView;
  #head = 0;

  constructor(options: PeerOptions = {}, spin = 0) {
    const [raw, mine] = broker.socketpair();
    this.raw = raw;
    this.peer = new Peer(mine, options);
    const fd = makeRingMemory(SIZE);
    this.mapping = new broker.Mapping(fd, SIZE, true);
    this.memory = this.mapping.view(SIZE);
    this.#view = new DataView(this.memory);
    const { endpoint } = this.peer;
    endpoint.mapRing(fd, { capacity: CAPACITY, broker: true, spin });
    broker.close(fd);
    endpoint.writeRing();
    endpoint.readRing();
    endpoint.start();
  }

  /** `to`: the ring that the victim reads (1) or writes (0). */
  set(ring: 0 | 1, word: Word, value: bigint): void {
    this.#view.setBigUint64(ring * CONTROL_SIZE + WORDS[word], value, true);
  }

  get(ring: 0 | 1, word: Word): bigint {
    const at = ring * CONTROL_SIZE + WORDS[word];
    const wide = word === 'head' || word === 'tail' || word === 'fds';
    return wide ? this.#view.getBigUint64(at, true) : BigInt(this.#view.getUint32(at, true));
  }

  /** As an honest peer would, without ringing. */
  put(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#view.setUint8(CONTROL + CAPACITY + (this.#head % CAPACITY), byte);
      this.#head += 1;
    }
    this.set(1, 'head', BigInt(this.#head));
  }

  send(bytes: Buffer, fds: number[] = []): number {
    return attacker().sendWithFds(this.raw, bytes, fds);
  }

  /** Rings, once the victim sleeps. */
  async wake(): Promise<void> {
    await eventually(() => this.get(1, 'sleeping') !== 0n, 'the victim to sleep');
    new DataView(this.memory).setUint32(CONTROL_SIZE + WORDS.sleeping, 0, true);
    this.send(DOORBELL);
  }

  close(): void {
    this.peer.close();
    this.mapping.unmap();
    broker.close(this.raw);
  }
}
