import { markHandled } from '../deferred.js';
import { ClosedError, InvalidArgument, LimitExceeded, ProtocolError, RemoteError } from '../errors.js';
import type { Frame } from '../frame.js';
import type { AnyType } from '../schema/containers.js';
import type { Callable } from '../schema/interface.js';
import type { CallOptions, CallPhase } from '../schema/members.js';
import { Tag } from '../tags.js';
import { escapeText } from '../text.js';
import { decodeUtf8 } from '../utf8.js';
import { Aborts } from './aborts.js';
import type { Binding } from './binding.js';
import { Deadlines } from './deadlines.js';
import { codeName } from './failure-codes.js';
import { IncomingStream, type StreamPort } from './incoming-stream.js';
import { callLimits, DEFAULT_TIMEOUT, MOST_DETAIL } from './limits.js';
import type { Link } from './link.js';
import type { Pending } from './pending.js';
import { PendingCall } from './pending-call.js';

/** `{u32 call, counts}` */
const ANSWER_HEAD = 8;
type MethodMember = Extract<Callable, { kind: 'method' }>;
type StreamMember = Extract<Callable, { kind: 'stream' }>;

/** What is called from here. Each call ends exactly once: by its answer, its deadline, its signal, or the end of the channel. */
export class OutgoingCalls {
  readonly #link: Link;
  readonly #calls = new Map<number, Pending>();
  readonly #deadlines = new Deadlines(() => this.#calls.values());
  readonly #owner: StreamPort;
  #lastId = 0;
  #gone: Promise<unknown> | null = null;
  bytes = 0;
  fds = 0;

  constructor(link: Link) {
    this.#link = link;
    this.#owner = {
      aborts: new Aborts(),
      admit: (call) => this.#admit(call),
      cancel: (call) => this.#cancel(call),
      credit: (call, items, bytes) => this.#link.simple(Tag.Credit, call.id, items, bytes),
      watch: (stream) => this.#deadlines.watch(stream),
    };
  }

  get count(): number {
    return this.#calls.size;
  }

  /** The input is moved, whatever comes of it. */
  call(
    binding: Binding,
    ordinal: number,
    member: MethodMember,
    input: unknown,
    options: CallOptions = {},
  ): Promise<unknown> {
    const refused = this.#refusal(binding, options) ?? this.#wrongPhase(member, member.phase);
    if (refused !== null) {
      drop(member.input, input);
      return refused;
    }
    const id = this.#nextId();
    const { signal, timeout = DEFAULT_TIMEOUT } = options;
    const call = new PendingCall(id, binding, signal, this.#owner, member);
    try {
      this.#link.call(call, ordinal, member, input);
    } catch (error) {
      call.settle();
      return Promise.reject(error);
    }
    this.#add(call);
    if (timeout !== Infinity) {
      call.timeout = timeout;
      this.#deadlines.watch(call);
    }
    return call.promise;
  }

  stream(
    binding: Binding,
    ordinal: number,
    member: StreamMember,
    input: unknown,
    options: CallOptions = {},
  ): IncomingStream {
    const { signal, timeout = DEFAULT_TIMEOUT } = options;
    const id = this.#nextId();
    const stream = new IncomingStream(id, binding, signal, this.#owner, member, timeout);
    const refused = this.#refusal(binding, options) ?? this.#wrongPhase(member, 'open');
    if (refused !== null) {
      drop(member.input, input);
      void refused.catch((error: unknown) => stream.fail(error));
      return stream;
    }
    try {
      this.#link.call(stream, ordinal, member, input);
      this.#add(stream);
    } catch (error) {
      stream.fail(error);
    }
    return stream;
  }

  onReturn(frame: Frame): void {
    const call = this.#find(frame);
    if (call instanceof IncomingStream) {
      this.#link.openEmpty(frame, ANSWER_HEAD);
      this.#remove(call);
      call.onReturn();
      return;
    }
    const reader = this.#link.open(frame, ANSWER_HEAD);
    if (call.isAbandoned) reader.handles?.discard();
    else if (call instanceof PendingCall) call.onReturn(reader);
    this.#remove(call);
  }

  onItem(frame: Frame): void {
    const call = this.#find(frame);
    const reader = this.#link.open(frame, ANSWER_HEAD);
    if (call instanceof IncomingStream) {
      call.onItem(reader, frame.length);
      return;
    }
    reader.handles?.discard();
    throw new ProtocolError(`the peer sent an item of ${call.name}, which is no stream`);
  }

  onFail(frame: Frame): void {
    const call = this.#find(frame);
    const code = codeName(frame.bytes.readUInt16LE(frame.start + 4), call.errors);
    const detail = escapeText(decodeUtf8(frame.bytes, frame.start + 6, frame.end), { max: MOST_DETAIL });
    this.#remove(call);
    call.fail(call.binding.refusal ?? new RemoteError(code, call.name, detail));
  }

  /** The binding turned out to be no use: its calls end, and their late answers are drained. */
  refuse(binding: Binding, error: Error): void {
    binding.refusal = error;
    for (const call of this.#calls.values()) if (call.binding === binding) call.abandon(error);
  }

  /** Nobody answers any more. */
  startUpOver(): void {
    for (const call of [...this.#calls.values()]) {
      call.fail(new ClosedError(`${call.name} was not answered before the end of the start-up`));
      this.#remove(call);
    }
  }

  /** Nothing is sent or received any more. @param gone what to tell; it never rejects */
  end(gone: Promise<unknown>): void {
    this.#gone = gone;
    void gone.then((reason) => {
      this.#deadlines.stop();
      for (const call of [...this.#calls.values()]) call.fail(reason);
      this.#calls.clear();
      this.bytes = 0;
      this.fds = 0;
    });
  }

  #refusal(binding: Binding, { signal, timeout }: CallOptions): Promise<never> | null {
    if (timeout !== undefined && !(timeout > 0)) {
      return Promise.reject(
        new InvalidArgument(`{ timeout: ${String(timeout)} }: use milliseconds above 0, or Infinity`),
      );
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (binding.refusal !== null) return Promise.reject(binding.refusal);
    if (this.#gone === null) return null;
    const gone = this.#gone.then((reason) => Promise.reject(reason));
    markHandled(gone);
    return gone;
  }

  #wrongPhase(member: Callable, phase: CallPhase): Promise<never> | null {
    if (phase === this.#link.phase) return null;
    const when = phase === 'open' ? 'once the gate has shut' : 'before go alone, in the start-up';
    return Promise.reject(new ClosedError(`${member.path} may be called ${when}`));
  }

  #admit({ bytes, fds }: Pending): void {
    if (this.#calls.size >= callLimits.calls) {
      throw new LimitExceeded(
        'calls',
        this.#calls.size + 1,
        callLimits.calls,
        `${this.#calls.size} calls are in flight: await some`,
      );
    }
    if (this.#calls.size > 0 && this.bytes + bytes > callLimits.bytes) {
      throw new LimitExceeded(
        'bytes',
        this.bytes + bytes,
        callLimits.bytes,
        `${this.bytes} bytes of calls are in flight: await some`,
      );
    }
    if (this.fds + fds > callLimits.fds) {
      throw new LimitExceeded(
        'fds',
        this.fds + fds,
        callLimits.fds,
        `${this.fds} fds of calls are in flight: await some`,
      );
    }
  }

  #add(call: Pending): void {
    this.bytes += call.bytes;
    this.fds += call.fds;
    this.#calls.set(call.id, call);
  }

  #remove(call: Pending): void {
    if (!this.#calls.delete(call.id)) return;
    this.bytes -= call.bytes;
    this.fds -= call.fds;
  }

  #cancel(call: Pending): void {
    if (this.#gone === null && this.#calls.has(call.id)) this.#link.simple(Tag.Cancel, call.id);
  }

  #find(frame: Frame): Pending {
    const id = frame.bytes.readUInt32LE(frame.start);
    const call = this.#calls.get(id);
    if (call === undefined) throw new ProtocolError(`the peer answered call ${id}, which is not in flight`);
    return call;
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#calls.has(this.#lastId));
    return this.#lastId;
  }
}

function drop(type: AnyType, value: unknown): void {
  type.drop?.(value);
}
