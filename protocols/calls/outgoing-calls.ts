import { markHandled } from '../deferred.js';
import { ClosedError, InvalidArgument, LimitExceeded, ProtocolError, RemoteError, TimeoutError } from '../errors.js';
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
import { BlockingCall, MethodCall, PendingCall } from './pending-call.js';

/** `{u32 call, counts}` */
const ANSWER_HEAD = 8;
export type MethodMember = Extract<Callable, { kind: 'method' }>;
type StreamMember = Extract<Callable, { kind: 'stream' }>;

/** An object, since a signal may be aborted with any reason. */
interface Refusal {
  readonly reason: unknown;
}

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
    const refused = this.#refusal(binding, member, member.phase, options);
    if (refused !== null || this.#gone !== null) {
      drop(member.input, input);
      return refused !== null ? Promise.reject(refused.reason) : this.#rejected();
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

  /** Blocks until it is answered; what else arrives meanwhile is taken in, and its handlers run afterwards. */
  callBlocking(
    binding: Binding,
    ordinal: number,
    member: MethodMember,
    input: unknown,
    options: CallOptions = {},
  ): unknown {
    const refused = this.#refusal(binding, member, member.phase, options);
    if (refused !== null) {
      drop(member.input, input);
      throw refused.reason;
    }
    try {
      this.#link.port.requireWait();
    } catch (error) {
      drop(member.input, input);
      throw error;
    }
    const { timeout = DEFAULT_TIMEOUT } = options;
    const call = new BlockingCall(this.#nextId(), binding, undefined, this.#owner, member);
    this.#link.call(call, ordinal, member, input);
    this.#add(call);
    const deadline = timeout === Infinity ? Infinity : performance.now() + timeout;
    try {
      while (call.outcome === null) this.#link.port.wait(deadline);
    } catch (error) {
      if (error instanceof TimeoutError) call.expire();
      else call.abandon(error);
    }
    if (call.outcome !== null && 'value' in call.outcome) return call.outcome.value;
    throw call.outcome?.error;
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
    const refused = this.#refusal(binding, member, 'open', options);
    if (refused !== null || this.#gone !== null) {
      drop(member.input, input);
      if (refused !== null) stream.fail(refused.reason);
      else void this.#gone?.then((reason) => stream.fail(reason));
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
    else if (call instanceof MethodCall) call.onReturn(reader);
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

  /** Why it cannot be made, though the channel is open. */
  #refusal(binding: Binding, member: Callable, phase: CallPhase, { signal, timeout }: CallOptions): Refusal | null {
    if (timeout !== undefined && !(timeout > 0)) {
      return {
        reason: new InvalidArgument(`{ timeout: ${String(timeout)} }: use milliseconds above 0, or Infinity`),
      };
    }
    if (signal?.aborted) return { reason: signal.reason };
    if (binding.refusal !== null) return { reason: binding.refusal };
    if (phase === this.#link.phase || this.#gone !== null) return null;
    const when = phase === 'open' ? 'once the gate has shut' : 'before go alone, in the start-up';
    return { reason: new ClosedError(`${member.path} may be called ${when}`) };
  }

  /** As soon as it is known why nothing can be called any more. */
  #rejected(): Promise<never> {
    const gone = Promise.resolve(this.#gone).then((reason) => Promise.reject(reason));
    markHandled(gone);
    return gone;
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
    // A getter of its input may have aborted its signal.
    if (call.isAbandoned) this.#cancel(call);
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
