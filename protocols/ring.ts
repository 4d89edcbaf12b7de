import { ProtocolError } from './errors.js';
import { closeEventually, type FdOperations } from './fd-facts.js';
import type { Frame } from './frame.js';
import type { Outbox } from './outbox.js';
import { Tag } from './tags.js';
import { BatchStatus, type RingCarrier } from './transport.js';
import { KiB, MiB } from './units.js';

/** The broker's part: when the bytes change over to rings, and how large these are. */
export interface RingOffer {
  readonly kind: 'offer';
  /** Frames, of both directions together, that go over the socket first: who says little costs no memory. */
  readonly after: number;
  /** Bytes of one direction: a power of two. */
  readonly capacity: number;
  /** Nanoseconds that both sides look for more before they sleep; 0 where they share the only CPU. */
  readonly spin: number;
  /** A memfd of so many zero bytes that nobody can resize or seal. The callee's. */
  make(size: number): number;
}

/** `accept` is the sandboxee's. Without either, everything goes over the socket. */
export type RingChoice = RingOffer | { readonly kind: 'accept' };

export const ringDefaults = { after: 128, capacity: 4 * MiB, spin: 100_000 } as const;

/** What is before the rings in their memory. */
const CONTROL = 64 * KiB;

/** As `RingFault` of native/addon/ring_records.h. */
const ringFaults = [
  'nothing is known of it',
  'an index is out of bounds',
  'it rang though nobody had asked',
  'an fd and its record do not match',
  'an fd is announced for a place where no frame can begin',
  'an fd is missing',
  'the socket ended inside a record',
] as const;

export function ringFault(status: number): ProtocolError | null {
  const fault = BatchStatus.RingBroken - status;
  if (fault <= 0) return null;
  return new ProtocolError(`the peer broke the ring: ${ringFaults[fault] ?? ringFaults[0]}`);
}

/**
 * Changes a channel over to rings, each direction at its own time. The broker's offer is the last that it writes to the socket;
 * the answer is the sandboxee's last, if it accepts. Neither writes to the ring before both have got there.
 */
export class RingUpgrade {
  readonly #carrier: RingCarrier | undefined;
  readonly #choice: RingChoice | undefined;
  readonly #outbox: Outbox;
  readonly #fds: FdOperations;
  #frames = 0;
  #due: number;
  #offered = false;

  constructor(carrier: RingCarrier | undefined, choice: RingChoice | undefined, outbox: Outbox, fds: FdOperations) {
    this.#carrier = carrier;
    this.#choice = choice;
    this.#outbox = outbox;
    this.#fds = fds;
    this.#due = carrier !== undefined && choice?.kind === 'offer' ? choice.after : Number.POSITIVE_INFINITY;
  }

  /** A frame went or came. */
  count(): void {
    this.#frames += 1;
  }

  get due(): boolean {
    return this.#frames >= this.#due;
  }

  /** Once; between frames. */
  offer(): void {
    this.#due = Number.POSITIVE_INFINITY;
    if (this.#carrier === undefined || this.#choice?.kind !== 'offer') return;
    const { capacity, spin, make } = this.#choice;
    const fd = this.#map(this.#carrier, () => make(CONTROL + 2 * capacity), capacity, spin);
    if (fd === undefined) return;
    const payload = Buffer.alloc(12);
    payload.writeUInt32LE(capacity, 0);
    payload.writeBigUInt64LE(BigInt(spin), 4);
    this.#offered = true;
    this.#outbox.frameWithFd(Tag.RingOffer, payload, fd, this.#fds);
    this.#carrier.writeRing();
    this.#outbox.isEager = true;
  }

  /** Of RingOffer and RingAnswer. */
  handle(frame: Frame): void {
    if (frame.tag === Tag.RingOffer) this.#accept(frame);
    else this.#answered(frame.bytes[frame.start] ?? 0);
  }

  #accept(frame: Frame): void {
    const capacity = frame.bytes.readUInt32LE(frame.start);
    const spin = Number(frame.bytes.readBigUInt64LE(frame.start + 4));
    const offered = frame.takeFd();
    const carrier = this.#choice?.kind === 'accept' ? this.#carrier : undefined;
    const fd = carrier && this.#map(carrier, () => offered, capacity, spin);
    // Mapped or not. `map` has closed it where it could not.
    if (carrier === undefined || fd !== undefined) closeEventually(this.#fds, offered);
    this.#outbox.frame(Tag.RingAnswer, Buffer.of(fd === undefined ? 0 : 1));
    this.#outbox.flush();
    if (carrier === undefined || fd === undefined) return;
    carrier.readRing();
    carrier.writeRing();
    this.#outbox.isEager = true;
  }

  #answered(answer: number): void {
    if (!this.#offered || answer > 1) throw new ProtocolError('the peer answered an offer that nobody made');
    this.#offered = false;
    if (answer === 1) this.#carrier?.readRing();
    else {
      this.#carrier?.dropRing();
      this.#outbox.isEager = false;
    }
  }

  /** Undefined, and the fd closed, where this process has no room for it: the socket does as well. */
  #map(carrier: RingCarrier, take: () => number, capacity: number, spin: number): number | undefined {
    let fd = -1;
    try {
      fd = take();
      carrier.mapRing(fd, { capacity, broker: this.#choice?.kind === 'offer', spin });
      return fd;
    } catch {
      if (fd >= 0) closeEventually(this.#fds, fd);
      return undefined;
    }
  }
}
