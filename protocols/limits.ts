import { InvalidArgument } from './errors.js';
import { KiB, MiB } from './units.js';

/** What one channel may use up. Every field is finite; sizes are bytes. */
export interface ChannelLimits {
  /** One frame's payload. Above it, the header alone is a protocol error. */
  readonly maxMessage: number;
  /** Receive slab: what one wake-up can take in before it is parsed. Frames above it are gathered apart. */
  readonly slab: number;
  /** Bytes read per wake-up, so that one busy peer does not starve the others' event loop. */
  readonly budget: number;
  /** Unread frames beyond this stop reading from the socket, so that a flood stays in the kernel's bounded buffer. */
  readonly receiveHighWater: number;
  /** The same for received fds that nobody has claimed: each is one of this process's open files. */
  readonly receiveFds: number;
  /** Sends wait (their promise stays pending) while more than this is queued. */
  readonly sendHighWater: number;
  /** Sends fail beyond this: only a caller that does not await its sends to a peer that does not read gets there. */
  readonly sendMax: number;
  /** Shared memory of one sandboxee, counted for as long as it lives, since a hostile peer may keep its mappings. */
  readonly sharedMemory: number;
  /** Buffers of one sandboxee: each is an open file of the broker. */
  readonly sharedBuffers: number;
  /** Memfds that a sandboxee keeps for their next use: each is an open file of its own. */
  readonly keptBuffers: number;
  /** Shared memory that either side keeps mapped for its next use; open buffers may make it more. */
  readonly mappedMemory: number;
  /** Requests for a buffer that wait for their answer. */
  readonly bufferRequests: number;
  /** `recvProto`: a repeated empty message costs its receiver about fifty times its bytes. */
  readonly proto: number;
  readonly value: ValueLimits;
}

/** What one received msgpack value may be. 8 MiB of empty maps became 510 MiB of heap where only bytes were bounded. */
export interface ValueLimits {
  /** Bytes on the wire. */
  readonly max: number;
  /** Values of any kind, containers and map values counted. */
  readonly nodes: number;
  /** Nested containers. */
  readonly depth: number;
  /** Map keys in all. */
  readonly keys: number;
}

export const defaultLimits: ChannelLimits = {
  maxMessage: 16 * MiB,
  slab: 128 * KiB,
  budget: 512 * KiB,
  receiveHighWater: MiB,
  receiveFds: 64,
  sendHighWater: MiB,
  sendMax: 64 * MiB,
  sharedMemory: 64 * MiB,
  sharedBuffers: 64,
  keptBuffers: 16,
  mappedMemory: 256 * MiB,
  bufferRequests: 64,
  proto: MiB,
  value: { max: 64 * KiB, nodes: 16_384, depth: 32, keys: 4096 },
};

/** Bytes of one part of a large answer; only the last has fewer. */
export const PART = 64 * KiB;

/** Buffer.allocUnsafe takes no more than 2^31-1 on some of the supported versions. */
const MAX_FIELD = 0x7fffffff;

export interface ChannelLimitOptions extends Partial<Omit<ChannelLimits, 'value'>> {
  readonly value?: Partial<ValueLimits>;
}

/** The defaults with what is given put over them. Unknown keys and values that are no positive integer are refused. */
export function resolveLimits(given: ChannelLimitOptions = {}): ChannelLimits {
  const { value = {}, ...rest } = given;
  const flat: Omit<ChannelLimits, 'value'> = merge(defaultLimits, rest, 'limits');
  return { ...flat, value: merge(defaultLimits.value, value, 'limits.value') };
}

function merge<T extends object>(defaults: T, given: Partial<T>, where: string): T {
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, key)) throw new InvalidArgument(`${where}.${key} is not a limit`);
    if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > MAX_FIELD) {
      throw new InvalidArgument(`${where}.${key} is ${String(value)}: use an integer from 1 to ${MAX_FIELD}`);
    }
  }
  return { ...defaults, ...given };
}
