import { ProtocolError } from './errors.js';
import { PART } from './limits.js';
import { FIRST_RESERVED_TAG, Tag, tagName } from './tags.js';
import { KiB } from './units.js';

/** Who a channel's end is. The launcher's life socket uses the same frames with tags of its own. */
export type Role = 'broker' | 'sandboxee' | 'launcher';

/** Of a channel: `start-up` is the handshake with data in it. */
export type Phase = FrameRule['phase'] | 'start-up';

export interface FrameRule {
  /** Payload bytes: `min === max` for a value of fixed size. */
  readonly min: number;
  readonly max: number;
  /** Exactly one fd comes with the first byte of the frame; otherwise none. */
  readonly carriesFd: boolean;
  readonly from: Role | 'either side';
  /** Data and buffers only cross once the gate is shut; the handshake only before. */
  readonly phase: 'open' | 'handshake' | 'life';
  /** A frame of the shared memory protocol: most of these never reach a receive. */
  readonly exchange: boolean;
  /** A frame of the calls, which never reaches a receive. */
  readonly calls: boolean;
}

/** In place of a size: whatever the channel's `maxMessage` is. */
const MESSAGE = -1;

type Size = number | readonly [min: number, max: number];

function data(size: Size, carriesFd = false): FrameRule {
  return rule(size, 'either side', 'open', carriesFd);
}

function rule(size: Size, from: FrameRule['from'], phase: FrameRule['phase'], carriesFd = false): FrameRule {
  const [min, max] = typeof size === 'number' ? [size, size] : size;
  return { min, max, from, phase, carriesFd, exchange: false, calls: false };
}

function exchange(size: Size, from: FrameRule['from'], carriesFd = false): FrameRule {
  return { ...rule(size, from, 'open', carriesFd), exchange: true };
}

function call(size: Size, carriesFd = false): FrameRule {
  return { ...rule(size, 'either side', 'open', carriesFd), calls: true };
}

const anyMessage: Size = [0, MESSAGE];
const user = data(anyMessage);

/** A filter has at most 4096 instructions (BPF_MAXINSNS) of 8 bytes, after its u32 flags. */
const filterSize: Size = [4 + 8, 4 + 4096 * 8];
const shortText: Size = [0, 4 * KiB];

const rules = new Map<number, FrameRule>([
  [Tag.Bool, data(1)],
  [Tag.Int8, data(1)],
  [Tag.Uint8, data(1)],
  [Tag.Int16, data(2)],
  [Tag.Uint16, data(2)],
  [Tag.Int32, data(4)],
  [Tag.Uint32, data(4)],
  [Tag.Int64, data(8)],
  [Tag.Uint64, data(8)],
  [Tag.String, data(anyMessage)],
  [Tag.Bytes, data(anyMessage)],
  [Tag.Proto, data(anyMessage)],
  [Tag.Value, data(anyMessage)],
  [Tag.Fd, data(0, true)],
  [Tag.SharedBuffer, exchange(16, 'either side', true)],
  [Tag.SharedBufferById, exchange(16, 'either side')],
  [Tag.BufferRequest, exchange(16, 'sandboxee')],
  [Tag.BufferGrant, exchange(20, 'broker', true)],
  [Tag.BufferGrantById, exchange(20, 'broker')],
  [Tag.BufferRefusal, exchange(16, 'broker')],
  [Tag.BufferRelease, exchange(4, 'sandboxee')],
  [Tag.BufferKept, exchange(4, 'sandboxee')],
  [Tag.AttachFd, call(0, true)],
  [Tag.AttachBuffer, { ...call(16, true), exchange: true }],
  [Tag.AttachBufferById, { ...call(16), exchange: true }],
  [Tag.AttachDrop, call(0)],
  [Tag.Connect, call([37, 37 + 100])],
  [Tag.Connected, call(4)],
  [Tag.Refused, call([5, 5 + 64 * KiB])],
  [Tag.Call, call([16, MESSAGE])],
  [Tag.Return, call([8, MESSAGE])],
  [Tag.Fail, call([6, 6 + KiB])],
  [Tag.Cancel, call(4)],
  [Tag.Item, call([8, MESSAGE])],
  [Tag.Credit, call(12)],
  [Tag.Event, call([8, MESSAGE])],
  [Tag.Listen, call(8)],
  [Tag.EventsEnded, call(8)],
  [Tag.Release, call(4)],
  [Tag.Part, call([1, 1 + PART])],
  [Tag.RingOffer, rule(12, 'broker', 'open', true)],
  [Tag.RingAnswer, rule(1, 'sandboxee', 'open')],
  [Tag.Hello, rule([10, 4 * KiB], 'sandboxee', 'handshake')],
  [Tag.Filter, rule(filterSize, 'broker', 'handshake')],
  [Tag.Listener, rule(0, 'sandboxee', 'handshake', true)],
  [Tag.Sealed, rule(0, 'sandboxee', 'handshake')],
  [Tag.Go, rule(0, 'broker', 'handshake')],
  [Tag.GateFailed, rule(shortText, 'either side', 'handshake')],
  [Tag.Stage, rule(shortText, 'launcher', 'life', true)],
  [Tag.Launched, rule(shortText, 'launcher', 'life', true)],
  [Tag.Failed, rule(shortText, 'launcher', 'life')],
  [Tag.Exited, rule(shortText, 'launcher', 'life')],
  [Tag.Executed, rule(0, 'launcher', 'life')],
]);

/** Throws ProtocolError for a reserved tag that nobody defined. */
export function frameRule(tag: number): FrameRule {
  if (tag < FIRST_RESERVED_TAG) return user;
  const found = rules.get(tag);
  if (found === undefined) throw new ProtocolError(`the peer sent a frame with ${tagName(tag)}`);
  return found;
}

/** Throws ProtocolError for a length that a frame of this tag cannot have. `length` is the header's u64 in two halves. */
export function checkLength(tag: number, rule: FrameRule, low: number, high: number, maxMessage: number): void {
  const max = rule.max === MESSAGE ? maxMessage : rule.max;
  if (high === 0 && low >= rule.min && low <= max) return;
  const length = (BigInt(high) << 32n) | BigInt(low);
  const allowed = rule.min === max ? `exactly ${max}` : `from ${rule.min} to ${max}`;
  throw new ProtocolError(`the peer announced a ${tagName(tag)} frame of ${length} bytes; it may have ${allowed}`);
}
