import type { CallPort } from '../call-port.js';
import { InvalidArgument, LimitExceeded, ProtocolError } from '../errors.js';
import type { Frame } from '../frame.js';
import type { AnyType } from '../schema/containers.js';
import { type Exportable, IncomingHandles, type RemoteSource } from '../schema/handles.js';
import type { Callable } from '../schema/interface.js';
import type { CallPhase } from '../schema/members.js';
import { writeMessage } from '../schema/message.js';
import { Reader } from '../schema/reader.js';
import { Writer } from '../schema/writer.js';
import { Tag } from '../tags.js';
import { Attachments } from './attachments.js';
import { Exports } from './exports.js';
import { Forward } from './forward.js';
import { giveBackId, isGivenBack } from './given-back.js';
import { callLimits } from './limits.js';
import type { Pending } from './pending.js';
import { Passable } from './remote.js';
import { Service } from './service.js';
import { Turnstile } from './turnstile.js';

const empty = Buffer.alloc(0);

/**
 * Messages with what they carry. Each is `{u32 …, u8 fds, u8 buffers, u8 remotes, u8 0}`, the value, and then a u32 for each
 * remote; its fds and buffers are attached by frames that come right before it.
 */
export class Link {
  readonly port: CallPort;
  readonly attachments: Attachments;
  readonly exports = new Exports();
  readonly turnstile: Turnstile;
  readonly source: RemoteSource;
  readonly #writers: Writer[] = [];
  readonly #reader = new Reader();

  constructor(port: CallPort, source: RemoteSource) {
    this.port = port;
    this.source = source;
    this.attachments = new Attachments(port.fds);
    this.turnstile = new Turnstile(port);
  }

  /** Sends all of a call or nothing of it, and notes its size. What the input carries is moved, also when this throws. */
  call(call: Pending, ordinal: number, member: Callable, input: unknown): void {
    const writer = this.#begin();
    try {
      writeWord(writer, call.id);
      writeWord(writer, call.binding.id);
      writeWord(writer, ordinal);
      this.#message(Tag.Call, writer, member.input, input, 'the input of ', member.name, call);
    } finally {
      this.#release(writer);
    }
  }

  /** The same, of what is for the caller. Returns its bytes. */
  reply(tag: typeof Tag.Return | typeof Tag.Item, id: number, type: AnyType, value: unknown, of: string): number {
    const writer = this.#begin();
    try {
      writeWord(writer, id);
      return this.#message(tag, writer, type, value, tag === Tag.Item ? 'an item of ' : 'the output of ', of, null);
    } finally {
      this.#release(writer);
    }
  }

  /** What may be called now. */
  get phase(): CallPhase {
    return this.port.phase === 'start-up' ? 'start-up' : 'open';
  }

  /** Up to three words. Nobody waits for the outcome. */
  simple(tag: number, ...words: readonly number[]): void {
    const payload = Buffer.allocUnsafe(4 * words.length);
    for (const [index, word] of words.entries()) payload.writeUInt32LE(word, 4 * index);
    this.quietly(tag, payload);
  }

  /** What cannot be sent because the peer is gone is not missed; a peer that leaves all unread is hostile. */
  quietly(tag: number, payload: Uint8Array): void {
    try {
      this.port.control(tag, payload);
    } catch (error) {
      if (error instanceof LimitExceeded) {
        this.port.violate(new ProtocolError('the peer does not read what it is sent', { cause: error }));
      }
    }
  }

  /**
   * Begins to read a message: what came with it is the reader's, to be read or discarded.
   *
   * @param head bytes up to the value
   */
  open(frame: Frame, head: number): Reader {
    const counts = frame.bytes.readUInt32LE(frame.start + head - 4);
    if (counts === 0) {
      this.attachments.requireNone();
      this.#reader.open(frame.bytes, frame.start + head, frame.end, frame.owned, null);
    } else this.#openWithHandles(frame, head, counts);
    return this.#reader;
  }

  /** For an answer that must have no value. */
  openEmpty(frame: Frame, head: number): void {
    const reader = this.open(frame, head);
    if (reader.at === reader.end && reader.handles === null) return;
    reader.handles?.discard();
    throw new ProtocolError('the peer ended a stream with a value');
  }

  end(): void {
    this.attachments.drop();
    this.port.end();
    this.exports.clear();
    // One that is being read has what it carries still to be closed.
    if (this.#reader.handles === null) this.#reader.open(empty, 0, 0, false, null);
  }

  /** One more reference for the peer; or, for what is the peer's own, its own name of it. */
  #idOf(each: Exportable): number {
    if (each instanceof Service) return this.exports.add(each);
    if (!(each instanceof Passable)) throw new InvalidArgument('a capability is given as service(I, …)');
    each.check();
    if (each.port.source === this.source) return giveBackId(each.binding.id);
    const forward = new Forward(each);
    try {
      return this.exports.add(forward);
    } catch (error) {
      forward.unheld();
      throw error;
    }
  }

  #openWithHandles(frame: Frame, head: number, counts: number): void {
    const remotes = (counts >>> 16) & 0xff;
    const end = frame.end - 4 * remotes;
    if (counts > 0xffffff || end < frame.start + head)
      throw new ProtocolError('the peer sent a message with a malformed head');
    const { fds, buffers } = this.attachments.take(counts & 0xff, (counts >>> 8) & 0xff);
    const ids = Array.from({ length: remotes }, (_, index) => frame.bytes.readUInt32LE(end + 4 * index));
    const handles = new IncomingHandles(fds, buffers, ids, this.port.fds, this.source);
    this.#reader.open(frame.bytes, frame.start + head, end, frame.owned, handles);
  }

  #begin(): Writer {
    // Not the one writer of all: a getter or a schema of the user's may make another call meanwhile.
    return this.#writers.pop() ?? new Writer(this.port.limits.maxMessage);
  }

  /** Here, and not before the next: what it lent is not to be kept. */
  #release(writer: Writer): void {
    writer.reset();
    this.#writers.push(writer);
  }

  #message(
    tag: number,
    writer: Writer,
    type: AnyType,
    value: unknown,
    what: string,
    of: string,
    call: Pending | null,
  ): number {
    const counts = writer.take(4);
    writer.view.setUint32(counts, 0, true);
    writeMessage(type, writer, value, what, of);
    try {
      const { fds, buffers, exports, isEmpty } = writer.handles;
      const bytes = writer.size + 4 * exports.length;
      this.port.check(bytes);
      if (fds.length + buffers.length > callLimits.attached) {
        throw new LimitExceeded('attached', fds.length + buffers.length, callLimits.attached);
      }
      call?.admit(bytes, fds.length);
      if (!isEmpty) this.#withHandles(tag, writer, counts);
      else if (tag === Tag.Return) this.port.answer(writer);
      else this.port.message(tag, writer);
      return bytes;
    } catch (error) {
      type.drop?.(value);
      throw error;
    }
  }

  #withHandles(tag: number, writer: Writer, counts: number): void {
    const { fds, buffers, exports } = writer.handles;
    const ids: number[] = [];
    let isAttaching = false;
    try {
      // What was lent may be of a buffer that goes along, and is gone by then.
      writer.makeWhole();
      for (const each of exports) ids.push(this.#idOf(each));
      writer.bytes[counts] = fds.length;
      writer.bytes[counts + 1] = buffers.length;
      writer.bytes[counts + 2] = ids.length;
      for (const id of ids) writeWord(writer, id);
      this.port.check(writer.size);
      isAttaching = true;
      for (const fd of fds) this.port.attachFd(fd);
      for (const buffer of buffers) this.port.attachBuffer(buffer);
      this.port.message(tag, writer);
      for (const each of exports) if (each instanceof Passable) each.letGo();
    } catch (error) {
      for (const id of ids) if (!isGivenBack(id)) this.exports.takeBack(id);
      if (isAttaching) this.quietly(Tag.AttachDrop, empty);
      throw error;
    }
  }
}

function writeWord(writer: Writer, word: number): void {
  const at = writer.take(4);
  writer.view.setUint32(at, word, true);
}
