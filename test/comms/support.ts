import { setImmediate as turn } from 'node:timers/promises';
import { makeRingMemory } from '../../broker/ring-offer.js';
import { binding } from '../../native/broker.js';
import type { FdFacts } from '../../native/shared.js';
import { BlockingComms } from '../../protocols/blocking-comms.js';
import type { PoolOperations } from '../../protocols/buffer-pool.js';
import type { ChannelOptions } from '../../protocols/channel-options.js';
import { EndpointTransport } from '../../protocols/endpoint-transport.js';
import type { ProtocolError } from '../../protocols/errors.js';
import type { FdOperations } from '../../protocols/fd-facts.js';
import type { ChannelLimitOptions } from '../../protocols/limits.js';
import { type MemoryPairOptions, type MemoryTransport, memoryPair } from '../../protocols/memory-transport.js';
import type { RingOffer } from '../../protocols/ring.js';
import type { DepartingBuffer } from '../../protocols/shared-buffer.js';
import { KiB, MiB } from '../../protocols/units.js';

export { turn };

const REGULAR_FILE = 0o100644;

/** Descriptors that exist only here, so that a test can say of each whether it was closed, and how often. */
export class FakeFds implements FdOperations {
  readonly open = new Set<number>();
  readonly closed: number[] = [];
  readonly facts = new Map<number, Partial<FdFacts>>();
  #last = 1000;

  make(facts: Partial<FdFacts> = {}): number {
    this.#last++;
    this.open.add(this.#last);
    this.facts.set(this.#last, facts);
    return this.#last;
  }

  describe(fd: number): FdFacts {
    this.#mustBeOpen(fd);
    return {
      dev: 1n,
      ino: BigInt(fd),
      mode: REGULAR_FILE,
      size: 0n,
      nlink: 1,
      rdev: 0n,
      flags: 0,
      seals: -1,
      socketDomain: -1,
      ...this.facts.get(fd),
    };
  }

  duplicate(fd: number): number {
    return this.make(this.describe(fd));
  }

  readonly close = (fd: number): void => {
    this.#mustBeOpen(fd);
    this.open.delete(fd);
    this.closed.push(fd);
  };

  #mustBeOpen(fd: number): void {
    if (!this.open.has(fd)) throw Object.assign(new Error(`EBADF: ${fd} is not open`), { code: 'EBADF' });
  }
}

export interface Pair {
  readonly broker: BlockingComms;
  readonly sandboxee: BlockingComms;
}

type Extra = Omit<Partial<ChannelOptions>, 'role'>;

export function memoryComms(pair: MemoryPairOptions = {}, options: Extra = {}, sandboxee: Extra = options): Pair {
  const [a, b] = memoryPair(pair);
  return {
    broker: new BlockingComms(a, { ...options, role: 'broker' }).start(),
    sandboxee: new BlockingComms(b, { ...sandboxee, role: 'sandboxee' }).start(),
  };
}

export function socketComms(options: Extra = {}, sandboxee: Extra = options): Pair {
  const [a, b] = binding.socketpair();
  return {
    broker: new BlockingComms(new EndpointTransport(a), { ...options, role: 'broker' }).start(),
    sandboxee: new BlockingComms(new EndpointTransport(b), { ...sandboxee, role: 'sandboxee' }).start(),
  };
}

export function closePair({ broker, sandboxee }: Pair): void {
  broker.close();
  sandboxee.close();
}

/** Over rings from the first frame on, and then again with so little room that everything waits for it. */
export function ringComms(capacity: number, options: Extra = {}, sandboxee: Extra = options): Pair {
  const [a, b] = binding.socketpair();
  const ring: RingOffer = { kind: 'offer', after: 0, capacity, spin: 100_000, make: makeRingMemory };
  return {
    broker: new BlockingComms(new EndpointTransport(a), { ...options, ring, role: 'broker' }).start(),
    sandboxee: new BlockingComms(new EndpointTransport(b), {
      ...sandboxee,
      ring: { kind: 'accept' },
      role: 'sandboxee',
    }).start(),
  };
}

export const transports: readonly {
  readonly name: string;
  readonly connect: (options?: Extra, other?: Extra) => Pair;
}[] = [
  { name: 'in memory', connect: (options, other) => memoryComms({}, options, other) },
  { name: 'in memory, a byte at a time', connect: (options, other) => memoryComms({ chunk: () => 1 }, options, other) },
  { name: 'over a socketpair', connect: socketComms },
  { name: 'over rings', connect: (options, other) => ringComms(MiB, options, other) },
  { name: 'over small rings', connect: (options, other) => ringComms(64 * KiB, options, other) },
];

/** A broker's channel whose peer is the test itself, which writes what it likes. */
export class HostilePeer {
  readonly fds = new FakeFds();
  readonly violations: ProtocolError[] = [];
  readonly transport: MemoryTransport;
  readonly comms: BlockingComms;

  constructor(options: Extra & { pair?: MemoryPairOptions; channelLimits?: ChannelLimitOptions } = {}) {
    const { pair, ...rest } = options;
    const [ours, theirs] = memoryPair({ closeFd: this.fds.close, ...pair });
    this.transport = theirs;
    this.transport.start();
    this.comms = new BlockingComms(ours, {
      fds: this.fds,
      onViolation: (error) => this.violations.push(error),
      ...rest,
      role: 'broker',
    }).start();
  }

  send(bytes: Uint8Array, fds: number[] = []): void {
    this.transport.write(bytes, fds);
  }

  frame(tag: number, payload: Uint8Array = new Uint8Array(0), fds: number[] = []): void {
    this.send(frame(tag, payload), fds);
  }
}

/** A frame whose header may lie about its length. */
export function frame(tag: number, payload: Uint8Array = new Uint8Array(0), length = BigInt(payload.length)): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(tag, 0);
  header.writeBigUInt64LE(length, 4);
  return Buffer.concat([header, payload]);
}

/** Some turns of the event loop: enough for what is under way in memory to arrive. */
export async function settle(turns = 8): Promise<void> {
  for (let count = 0; count < turns; count++) await turn();
}

/** What a promise rejects with; fails where it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}

/** What a call throws. */
export function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('expected an exception');
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error;
}

/** Of a buffer that goes with its memfd. */
export function memfdOf({ fd }: DepartingBuffer): number {
  if (fd === null) throw new Error('the buffer goes by its id');
  return fd;
}

export const brokerMemory: PoolOperations = {
  describe: (fd) => binding.describe(fd),
  duplicate: (fd) => binding.duplicate(fd),
  close: (fd) => binding.close(fd),
  createMemory: (size) => binding.createMemory('test', size, { executable: false }),
  seal: (fd, seals) => binding.seal(fd, seals),
  map: (fd, length, writable) => new binding.Mapping(fd, length, writable),
};
