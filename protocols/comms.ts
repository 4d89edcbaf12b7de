import {
  bufferCodec,
  type Control,
  type ControlOptions,
  controlDecoder,
  controlEncoder,
  type DirectoryToken,
  type FdOptions,
  fdCodec,
} from './capabilities.js';
import { Channel } from './channel.js';
import type { ChannelOptions } from './channel-options.js';
import type { ReceiveOptions, SizedOptions } from './codec.js';
import { defer, markHandled } from './deferred.js';
import type { Fd } from './fd.js';
import type { Value } from './msgpack.js';
import {
  bytes,
  type ProtoDecoder,
  type ProtoEncoder,
  protoDecoder,
  protoEncoder,
  string,
  type Tlv,
  tlv,
  type ValueOptions,
  valueCodec,
} from './payloads.js';
import { bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64 } from './scalars.js';
import type { BufferMode, SharedBuffer } from './shared-buffer.js';
import { Tag } from './tags.js';
import type { Transport } from './transport.js';

/**
 * Typed values over one channel, in order, the same on both sides.
 *
 * A send resolves once the value is accepted and less than the high-water mark is queued; awaiting it is the backpressure. A
 * receive names the type that it expects; another type is a TagMismatch that consumes that message, its fd included, and
 * leaves the stream in step. Receives are answered in the order of their calls. When the peer goes, what had arrived can still
 * be received, and then every receive rejects with PeerGone.
 */
export class Comms extends Channel {
  /** @internal */
  protected readonly codecs;

  /** @internal */
  constructor(transport: Transport, options: ChannelOptions) {
    super(transport, options);
    const { fds, buffers } = this;
    this.codecs = {
      fd: fdCodec(fds),
      value: valueCodec(this.limits),
      buffer: bufferCodec(buffers, fds),
    };
  }

  sendInt8(value: number): Promise<void> {
    return this.send(int8, value);
  }

  sendUint8(value: number): Promise<void> {
    return this.send(uint8, value);
  }

  sendInt16(value: number): Promise<void> {
    return this.send(int16, value);
  }

  sendUint16(value: number): Promise<void> {
    return this.send(uint16, value);
  }

  sendInt32(value: number): Promise<void> {
    return this.send(int32, value);
  }

  sendUint32(value: number): Promise<void> {
    return this.send(uint32, value);
  }

  sendInt64(value: bigint): Promise<void> {
    return this.send(int64, value);
  }

  sendUint64(value: bigint): Promise<void> {
    return this.send(uint64, value);
  }

  sendBool(value: boolean): Promise<void> {
    return this.send(bool, value);
  }

  sendString(value: string): Promise<void> {
    return this.send(string, value);
  }

  sendBytes(value: Uint8Array): Promise<void> {
    return this.send(bytes, value);
  }

  /** `type` is a class that `pbjs -t static-module` made, or a reflected type. */
  sendProto<Message>(type: ProtoEncoder<Message>, message: Message): Promise<void> {
    return this.send(protoEncoder(type), message);
  }

  /** Anything that msgpack carries unchanged, and -0 as 0; else an UnsupportedValue that names the part in question. */
  sendValue(value: unknown): Promise<void> {
    return this.send(this.codecs.value, value);
  }

  /** `tag` is the user's own, below 0x80000000. */
  sendTlv(tag: number, value: Uint8Array): Promise<void> {
    return this.send(tlv, { tag, bytes: value });
  }

  /** Moves the fd, also when the send fails. */
  sendFd(fd: Fd, options: DirectoryToken = {}): Promise<void> {
    return this.send(this.codecs.fd, { ...options, fd });
  }

  /** Moves the buffer, also when the send fails. */
  sendBuffer(buffer: SharedBuffer): Promise<void> {
    return this.send(this.codecs.buffer, buffer);
  }

  recvInt8(options?: ReceiveOptions): Promise<number> {
    return this.receive(int8, options);
  }

  recvUint8(options?: ReceiveOptions): Promise<number> {
    return this.receive(uint8, options);
  }

  recvInt16(options?: ReceiveOptions): Promise<number> {
    return this.receive(int16, options);
  }

  recvUint16(options?: ReceiveOptions): Promise<number> {
    return this.receive(uint16, options);
  }

  recvInt32(options?: ReceiveOptions): Promise<number> {
    return this.receive(int32, options);
  }

  recvUint32(options?: ReceiveOptions): Promise<number> {
    return this.receive(uint32, options);
  }

  recvInt64(options?: ReceiveOptions): Promise<bigint> {
    return this.receive(int64, options);
  }

  recvUint64(options?: ReceiveOptions): Promise<bigint> {
    return this.receive(uint64, options);
  }

  recvBool(options?: ReceiveOptions): Promise<boolean> {
    return this.receive(bool, options);
  }

  recvString(options?: SizedOptions): Promise<string> {
    return this.receive(string, options);
  }

  recvBytes(options?: SizedOptions): Promise<Buffer> {
    return this.receive(bytes, options);
  }

  recvProto<Message>(type: ProtoDecoder<Message>, options?: SizedOptions): Promise<Message> {
    return this.receive(protoDecoder(type, this.limits.proto), options);
  }

  recvValue(options?: ValueOptions): Promise<Value> {
    return this.receive(this.codecs.value, options);
  }

  recvTlv(options?: SizedOptions): Promise<Tlv> {
    return this.receive(tlv, options);
  }

  /** The caller owns the fd. */
  recvFd(options?: FdOptions): Promise<Fd> {
    return this.receive(this.codecs.fd, options);
  }

  /** The caller owns the buffer. */
  recvBuffer(options?: ReceiveOptions): Promise<SharedBuffer> {
    return this.receive(this.codecs.buffer, options);
  }

  /** The broker's side: a buffer out of the sandboxee's quota. Throws BufferQuota. */
  createBuffer(size: number, mode: BufferMode = 'read-only'): SharedBuffer {
    return this.buffers.create(size, mode);
  }

  /** The sandboxee's side: asks the broker for a buffer. Rejects with BufferQuota. */
  requestBuffer(size: number, mode: BufferMode = 'writable'): Promise<SharedBuffer> {
    const answer = defer<SharedBuffer>();
    const request = { encode: () => this.buffers.request(size, mode, answer) };
    const granted = this.send(request, undefined).then(() => answer.promise);
    markHandled(answer.promise);
    markHandled(granted);
    return granted;
  }

  /** @internal Handshake frames only; until `Go` has been sent or received. Moves the fd. */
  sendControl(tag: number, payload: Uint8Array = new Uint8Array(0), fd?: Fd): Promise<void> {
    const sent = this.send(controlEncoder(tag, this.fds), { payload, fd }, this.handshakeRefused);
    if (tag === Tag.Go) this.opened();
    return sent;
  }

  /** @internal */
  recvControl(tag: number, options?: ControlOptions): Promise<Control> {
    return this.receive(controlDecoder(tag, this.fds, options?.otherTag), options);
  }
}
