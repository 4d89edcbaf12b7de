import { type Control, controlDecoder, controlEncoder, type DirectoryToken, type FdOptions } from './capabilities.js';
import type { ReceiveOptions, SizedOptions } from './codec.js';
import { Comms } from './comms.js';
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
} from './payloads.js';
import { bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64 } from './scalars.js';
import type { BufferMode, SharedBuffer } from './shared-buffer.js';
import { Tag } from './tags.js';

/**
 * The sandboxee's side: every send and receive also in a form that blocks the thread. A blocking send returns once the kernel
 * has the bytes. Blocking receives come after those that are already pending. The broker never blocks.
 */
export class BlockingComms extends Comms {
  sendInt8Sync(value: number): void {
    this.sendBlocking(int8, value);
  }

  sendUint8Sync(value: number): void {
    this.sendBlocking(uint8, value);
  }

  sendInt16Sync(value: number): void {
    this.sendBlocking(int16, value);
  }

  sendUint16Sync(value: number): void {
    this.sendBlocking(uint16, value);
  }

  sendInt32Sync(value: number): void {
    this.sendBlocking(int32, value);
  }

  sendUint32Sync(value: number): void {
    this.sendBlocking(uint32, value);
  }

  sendInt64Sync(value: bigint): void {
    this.sendBlocking(int64, value);
  }

  sendUint64Sync(value: bigint): void {
    this.sendBlocking(uint64, value);
  }

  sendBoolSync(value: boolean): void {
    this.sendBlocking(bool, value);
  }

  sendStringSync(value: string): void {
    this.sendBlocking(string, value);
  }

  sendBytesSync(value: Uint8Array): void {
    this.sendBlocking(bytes, value);
  }

  sendProtoSync<Message>(type: ProtoEncoder<Message>, message: Message): void {
    this.sendBlocking(protoEncoder(type), message);
  }

  sendValueSync(value: unknown): void {
    this.sendBlocking(this.codecs.value, value);
  }

  sendTlvSync(tag: number, value: Uint8Array): void {
    this.sendBlocking(tlv, { tag, bytes: value });
  }

  sendFdSync(fd: Fd, options: DirectoryToken = {}): void {
    this.sendBlocking(this.codecs.fd, { ...options, fd });
  }

  sendBufferSync(buffer: SharedBuffer): void {
    this.sendBlocking(this.codecs.buffer, buffer);
  }

  recvInt8Sync(options?: ReceiveOptions): number {
    return this.receiveBlocking(int8, options);
  }

  recvUint8Sync(options?: ReceiveOptions): number {
    return this.receiveBlocking(uint8, options);
  }

  recvInt16Sync(options?: ReceiveOptions): number {
    return this.receiveBlocking(int16, options);
  }

  recvUint16Sync(options?: ReceiveOptions): number {
    return this.receiveBlocking(uint16, options);
  }

  recvInt32Sync(options?: ReceiveOptions): number {
    return this.receiveBlocking(int32, options);
  }

  recvUint32Sync(options?: ReceiveOptions): number {
    return this.receiveBlocking(uint32, options);
  }

  recvInt64Sync(options?: ReceiveOptions): bigint {
    return this.receiveBlocking(int64, options);
  }

  recvUint64Sync(options?: ReceiveOptions): bigint {
    return this.receiveBlocking(uint64, options);
  }

  recvBoolSync(options?: ReceiveOptions): boolean {
    return this.receiveBlocking(bool, options);
  }

  recvStringSync(options?: SizedOptions): string {
    return this.receiveBlocking(string, options);
  }

  recvBytesSync(options?: SizedOptions): Buffer {
    return this.receiveBlocking(bytes, options);
  }

  recvProtoSync<Message>(type: ProtoDecoder<Message>, options?: SizedOptions): Message {
    return this.receiveBlocking(protoDecoder(type, this.limits.proto), options);
  }

  recvValueSync(options?: ValueOptions): Value {
    return this.receiveBlocking(this.codecs.value, options);
  }

  recvTlvSync(options?: SizedOptions): Tlv {
    return this.receiveBlocking(tlv, options);
  }

  recvFdSync(options?: FdOptions): Fd {
    return this.receiveBlocking(this.codecs.fd, options);
  }

  recvBufferSync(options?: ReceiveOptions): SharedBuffer {
    return this.receiveBlocking(this.codecs.buffer, options);
  }

  requestBufferSync(size: number, mode: BufferMode = 'writable'): SharedBuffer {
    let granted: SharedBuffer | null = null;
    let refused: Error | null = null;
    const answer = {
      resolve: (buffer: SharedBuffer) => {
        granted = buffer;
      },
      reject: (reason: Error) => {
        refused = reason;
      },
    };
    this.sendBlocking({ encode: () => this.buffers.request(size, mode, answer) }, undefined);
    for (;;) {
      if (granted !== null) return granted;
      if (refused !== null) throw refused;
      this.block();
    }
  }

  /** @internal */
  sendControlSync(tag: number, payload: Uint8Array = new Uint8Array(0), fd?: Fd): void {
    this.sendBlocking(controlEncoder(tag, this.fds), { payload, fd }, this.handshakeRefused);
    if (tag === Tag.Go) this.opened();
  }

  /** @internal */
  recvControlSync(tag: number, options?: SizedOptions): Control {
    return this.receiveBlocking(controlDecoder(tag, this.fds), options);
  }
}
