import { LimitExceeded, TagMismatch } from './errors.js';
import type { Frame } from './frame.js';
import type { Outbox } from './outbox.js';
import { FIRST_RESERVED_TAG, tagName } from './tags.js';

export interface ReceiveOptions {
  /** Gives the receive up; the frame that would have been its answer goes to the next one. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; for the blocking forms, which have no signal. Default: for ever. */
  readonly timeout?: number | undefined;
}

export interface SizedOptions extends ReceiveOptions {
  /** Bytes. A larger message is a LimitExceeded that consumes it. */
  readonly max?: number | undefined;
}

export interface Encoder<In> {
  /** Writes one frame, or throws and has written nothing. */
  encode(out: Outbox, value: In): void;
  /** The value could not be sent: what was moved with it is closed. */
  drop?(value: In): void;
}

export interface Decoder<Out, Options extends ReceiveOptions = ReceiveOptions> {
  readonly tag: number;
  /** What the peer may send in its place. */
  readonly otherTag?: number | undefined;
  /** Throws ProtocolError for what no honest peer sends. The frame's fd, if it is not taken, is closed by the caller. */
  decode(frame: Frame, options: Options | undefined): Out;
}

export interface Codec<In, Out = In, Options extends ReceiveOptions = ReceiveOptions>
  extends Encoder<In>,
    Decoder<Out, Options> {}

/** In place of a decoder's tag: any tag of the user's. */
export const ANY_USER_TAG = -1;

export function requireTag(wanted: number, received: number): void {
  if (wanted === received || (wanted === ANY_USER_TAG && received < FIRST_RESERVED_TAG)) return;
  throw new TagMismatch(wanted === ANY_USER_TAG ? 'a user tag' : tagName(wanted), tagName(received));
}

export function requireSize(frame: Frame, max: number): void {
  if (frame.length > max) throw new LimitExceeded(`${tagName(frame.tag)} bytes`, frame.length, max);
}
