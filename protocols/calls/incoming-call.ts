import type { IncomingHandles } from '../schema/handles.js';
import type { NamedMember } from '../schema/interface.js';
import type { CallPhase } from '../schema/members.js';
import type { CallContext } from './context.js';
import type { Handler } from './service.js';
import type { StreamPump } from './stream-pump.js';

export type ServedMember = Extract<NamedMember, { kind: 'method' | 'stream' }>;

/** A call whose target is not served yet: its bytes are its own, and so is what came with it. */
export interface Unread {
  readonly bytes: Buffer;
  readonly handles: IncomingHandles | null;
}

/** A call that the peer made, until its answer is sent. */
export interface IncomingCall {
  readonly id: number;
  readonly ordinal: number;
  /** As they are counted against the limits. */
  readonly bytes: number;
  readonly fds: number;
  /** Of the channel, when it came. */
  readonly phase: CallPhase;
  readonly context: CallContext;
  isCancelled: boolean;
  unread: Unread | null;
  ready: { readonly member: ServedMember; readonly handler: Handler; readonly input: unknown } | null;
  pump: StreamPump | null;
}
