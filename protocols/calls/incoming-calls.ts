import { afterTurn } from '../deferred.js';
import { LimitExceeded, ProtocolError } from '../errors.js';
import type { Frame } from '../frame.js';
import { Queue } from '../queue.js';
import type { StreamSource } from '../schema/members.js';
import { readMessage } from '../schema/message.js';
import { Reader } from '../schema/reader.js';
import { Tag } from '../tags.js';
import { BuiltInFailure, CallContext, Failure } from './context.js';
import { type BuiltInCode, codeNumber } from './failure-codes.js';
import type { IncomingCall, ServedMember } from './incoming-call.js';
import { callLimits, MOST_DETAIL } from './limits.js';
import type { Link } from './link.js';
import { StreamPump } from './stream-pump.js';
import type { Target } from './target.js';

/** `{u32 call, u32 target, u32 ordinal, counts}` */
const CALL_HEAD = 16;

/** A handler threw what is no declared failure. The peer is told `internal` and no more. */
export type OnHandlerError = (error: unknown, member: string) => void;

/**
 * What the peer calls here. An input is decoded when it arrives; its handler runs in a turn of its own, and not before the
 * answers that the peer leaves unread are few. A call is in flight until its handler has settled, also when it was cancelled:
 * otherwise to call and cancel would start handlers without end.
 */
export class IncomingCalls {
  readonly #link: Link;
  readonly #onError: OnHandlerError;
  readonly #calls = new Map<number, IncomingCall>();
  readonly #ready = new Queue<IncomingCall>();
  #isScheduled = false;
  #isEnded = false;
  bytes = 0;
  fds = 0;

  constructor(link: Link, onError: OnHandlerError) {
    this.#link = link;
    this.#onError = onError;
  }

  get count(): number {
    return this.#calls.size;
  }

  onCall(frame: Frame): void {
    const id = frame.bytes.readUInt32LE(frame.start);
    const target = this.#link.exports.find(frame.bytes.readUInt32LE(frame.start + 4));
    const ordinal = frame.bytes.readUInt32LE(frame.start + 8);
    const fds = frame.bytes[frame.start + CALL_HEAD - 4] ?? 0;
    this.#admit(id, frame.length, fds);
    const reader = this.#link.open(frame, CALL_HEAD);
    const call: IncomingCall = {
      id,
      ordinal,
      bytes: frame.length,
      fds,
      phase: this.#link.phase,
      context: new CallContext(this.#link.port),
      isCancelled: false,
      unread: null,
      ready: null,
      pump: null,
    };
    if (target.service === null) call.unread = { bytes: copyOf(reader), handles: reader.handles };
    else this.#read(call, target, reader);
    if (this.#isEnded) {
      // By a schema of the user's, which closed the channel.
      this.#dropInput(call);
      return;
    }
    this.#calls.set(id, call);
    this.bytes += call.bytes;
    this.fds += fds;
    if (target.service === null && !target.isRefused) target.waiting.push(call);
    else this.#makeReady(call);
  }

  onCancel(id: number): void {
    const call = this.#calls.get(id);
    // It may have crossed the answer.
    if (call === undefined || call.isCancelled) return;
    call.isCancelled = true;
    call.context.abort(new DOMException('the caller gave up', 'AbortError'));
    call.pump?.cancel();
  }

  onCredit(id: number, items: number, bytes: number): void {
    this.#calls.get(id)?.pump?.grant(items, bytes);
  }

  /** A target that waited is served, or refused: so are its calls. */
  release(target: Target): void {
    for (const call of target.waiting.splice(0)) {
      const { unread } = call;
      if (unread !== null && target.service !== null) {
        call.unread = null;
        const reader = new Reader();
        reader.open(unread.bytes, 0, unread.bytes.length, true, unread.handles);
        this.#read(call, target, reader);
      }
      this.#makeReady(call);
    }
  }

  /** The peer reads: calls that waited for that can start, and streams go on. */
  drain(): void {
    this.#schedule();
    for (const { pump } of this.#calls.values()) pump?.wake();
  }

  /** Their answers cannot be sent any more. */
  startUpOver(): void {
    for (const call of [...this.#calls.values()]) {
      this.onCancel(call.id);
      this.#finish(call);
    }
  }

  end(reason: unknown): void {
    this.#isEnded = true;
    this.#ready.drain();
    for (const call of this.#calls.values()) {
      call.context.abort(reason);
      call.pump?.cancel();
      this.#dropInput(call);
    }
    this.#calls.clear();
    this.bytes = 0;
    this.fds = 0;
  }

  #admit(id: number, bytes: number, fds: number): void {
    if (this.#calls.has(id)) throw new ProtocolError(`the peer made call ${id} while that was in flight`);
    const isTooMuch = this.#calls.size > 0 && this.bytes + bytes > callLimits.bytes;
    if (this.#calls.size >= callLimits.calls || isTooMuch || this.fds + fds > callLimits.fds) {
      throw new ProtocolError(
        `the peer has ${this.#calls.size} calls of ${this.bytes} bytes and ${this.fds} fds in flight, and makes another`,
      );
    }
  }

  #read(call: IncomingCall, target: Target, reader: Reader): void {
    const { service } = target;
    const member = service?.interface.table[call.ordinal];
    const handler = service?.handlers[call.ordinal];
    if (member === undefined || member.kind === 'event' || !handler) {
      reader.handles?.discard();
      throw new ProtocolError(`the peer called member ${call.ordinal} of ${target.name}, which is nothing to call`);
    }
    const phase = member.kind === 'method' ? member.phase : 'open';
    if (phase !== call.phase) {
      reader.handles?.discard();
      const when = phase === 'open' ? 'from go on' : 'before go alone';
      throw new ProtocolError(`the peer called ${target.name}.${member.name}, which it may ${when}`);
    }
    call.ready = {
      member,
      handler,
      input: readMessage(member.input, reader, 'an input of ', member.path),
    };
  }

  #makeReady(call: IncomingCall): void {
    this.#ready.push(call);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#ready.length === 0) return;
    this.#isScheduled = true;
    // Not from within the batch: a handler may block on the channel, or close it.
    afterTurn(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    while (!this.#isEnded && !this.#isUnread()) {
      const call = this.#ready.shift();
      if (call === undefined) return;
      this.#start(call);
    }
  }

  /** Whether the peer leaves much of its answers. */
  #isUnread(): boolean {
    const { port } = this.#link;
    return port.isCongested(port.limits.sendHighWater) || port.queued > port.limits.sendHighWater;
  }

  #start(call: IncomingCall): void {
    const { ready } = call;
    if (call.isCancelled || ready === null) {
      this.#dropInput(call);
      this.#fail(call, call.isCancelled ? 'cancelled' : 'unavailable');
      return;
    }
    call.ready = null;
    const { member, handler, input } = ready;
    try {
      const result = handler(input, call.context);
      if (isThenable(result)) {
        Promise.resolve(result).then(
          (value) => this.#answer(call, member, value),
          (error: unknown) => this.#failed(call, member, error),
        );
      } else this.#answer(call, member, result);
    } catch (error) {
      this.#failed(call, member, error);
    }
  }

  #answer(call: IncomingCall, member: ServedMember, value: unknown): void {
    if (member.kind === 'stream') {
      this.#pump(call, member, value);
      return;
    }
    if (this.#isEnded || call.isCancelled) {
      member.output.drop?.(value);
      this.#fail(call, 'cancelled');
      return;
    }
    try {
      this.#link.reply(Tag.Return, call.id, member.output, value, member.name);
      this.#finish(call);
    } catch (error) {
      this.#failed(call, member, error);
    }
  }

  #pump(call: IncomingCall, member: Extract<ServedMember, { kind: 'stream' }>, source: unknown): void {
    const pump = new StreamPump(this.#link, call.id, member, source as StreamSource<unknown>, {
      done: () => {
        this.#link.simple(Tag.Return, call.id, 0);
        this.#finish(call);
      },
      cancelled: () => this.#fail(call, 'cancelled'),
      failed: (error) => this.#failed(call, member, error),
    });
    call.pump = pump;
    if (this.#isEnded || call.isCancelled) pump.cancel();
    void pump.run();
  }

  #failed(call: IncomingCall, member: ServedMember, error: unknown): void {
    if (this.#isEnded) return;
    if (call.isCancelled) {
      this.#fail(call, 'cancelled');
      return;
    }
    if (error instanceof Failure) {
      const number = member.errors.indexOf(error.failureCode);
      if (number >= 0) {
        this.#sendFailure(call, number, error.message);
        return;
      }
    }
    if (error instanceof BuiltInFailure) {
      this.#fail(call, error.builtInCode);
      return;
    }
    this.#fail(call, error instanceof LimitExceeded ? 'limit' : 'internal');
    this.#onError(error, member.name);
  }

  #fail(call: IncomingCall, code: BuiltInCode): void {
    this.#sendFailure(call, codeNumber(code), '');
  }

  #sendFailure(call: IncomingCall, code: number, message: string): void {
    // One that the end of the start-up has ended is of no call any more.
    if (this.#isEnded || this.#calls.get(call.id) !== call) return;
    const payload = Buffer.alloc(6 + MOST_DETAIL);
    payload.writeUInt32LE(call.id, 0);
    payload.writeUInt16LE(code, 4);
    const { written } = new TextEncoder().encodeInto(message, payload.subarray(6));
    this.#link.quietly(Tag.Fail, payload.subarray(0, 6 + written));
    this.#finish(call);
  }

  #finish(call: IncomingCall): void {
    if (!this.#calls.delete(call.id)) return;
    this.bytes -= call.bytes;
    this.fds -= call.fds;
  }

  /** What came with a call that no handler takes. */
  #dropInput(call: IncomingCall): void {
    call.unread?.handles?.discard();
    call.unread = null;
    call.ready?.member.input.drop?.(call.ready.input);
    call.ready = null;
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function copyOf({ bytes, at, end }: Reader): Buffer {
  return Buffer.from(bytes.subarray(at, end));
}
