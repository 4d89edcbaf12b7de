/**
 * What both sides speak: units, errors, interfaces, file descriptors and shared buffers, and the types of the channel, which itself
 * comes with a sandboxee (`sandboxee.comms`) or a gate (`gate.comms`).
 */

// Whoever has an interface can make and serve its calls.
import './calls/peer.js';

export type { BlockingComms } from './blocking-comms.js';
export { isFailureOf } from './calls/failure.js';
export { lend } from './calls/forward.js';
export type { Peer, Share, Usage } from './calls/peer.js';
export { type Service, service } from './calls/service.js';
export type { DirectoryToken, FdOptions } from './capabilities.js';
export type { ReceiveOptions, SizedOptions } from './codec.js';
export type { Comms } from './comms.js';
export {
  BufferQuota,
  ClosedError,
  type ErrorCode,
  FdKindError,
  InterfaceMismatch,
  InvalidArgument,
  LimitExceeded,
  PeerGone,
  ProtocolError,
  RemoteError,
  SallyportError,
  TagMismatch,
  TimeoutError,
  UnsupportedValue,
  UseAfterMove,
} from './errors.js';
export { Fd, type FdOpenFlags, type FdOpenOptions } from './fd.js';
export type { FdAccess, FdKind } from './fd-facts.js';
export type { ValueLimits } from './limits.js';
export type { Value } from './msgpack.js';
export type { ProtoDecoder, ProtoEncoder, Tlv, ValueOptions } from './payloads.js';
export * from './schema/index.js';
export type { BufferMode, SharedBuffer } from './shared-buffer.js';
export { escapeText } from './text.js';
export { KiB, MiB } from './units.js';
