import { BufferExchange } from './buffer-exchange.js';
import { type CallHandler, CallPort, noCalls } from './call-port.js';
import type { ChannelOptions } from './channel-options.js';
import { type Decoder, type Encoder, type ReceiveOptions, requireTag } from './codec.js';
import { defer, once, rejected } from './deferred.js';
import { ClosedError, LimitExceeded, PeerGone, ProtocolError, type SallyportError, TimeoutError } from './errors.js';
import { closeEventually, type FdOperations, nativeFds } from './fd-facts.js';
import type { Frame } from './frame.js';
import type { FrameRule } from './frame-rules.js';
import { Inbox } from './inbox.js';
import { Intake } from './intake.js';
import { type ChannelLimits, resolveLimits } from './limits.js';
import { Outbox } from './outbox.js';
import { PendingReceive } from './pending-receive.js';
import { RingUpgrade, ringFault } from './ring.js';
import { Tag } from './tags.js';
import { Throttle } from './throttle.js';
import { BatchStatus, describeEnd, type Transport } from './transport.js';

/** Milliseconds: what poll(2) takes. */
const LONGEST_WAIT = 0x7fffffff;
const NOT_YET = 'the gate is still open: nothing is sent before go';

/**
 * Frames in both directions over a transport: order, backpressure, fds, phases and the end. What the frames mean is the
 * codecs' business.
 *
 * Anything unexpected in what the peer sent closes the channel: a malformed frame, a missing or surplus fd, a frame that this
 * side or this phase does not allow, and any failure while handling it.
 */
export class Channel {
  readonly limits: ChannelLimits;
  readonly #closing = defer<SallyportError>();
  /** Resolves, once nothing more will arrive or the channel was closed, with the reason. */
  readonly closed: Promise<SallyportError> = this.#closing.promise;
  /** @internal */
  protected readonly fds: FdOperations;
  /** @internal */
  protected readonly buffers: BufferExchange;

  readonly #transport: Transport;
  readonly #intake: Intake;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #throttle: Throttle;
  readonly #ring: RingUpgrade;
  readonly #onViolation: (error: ProtocolError) => void;
  #ended: SallyportError | null = null;
  #sendingEnded: SallyportError | null = null;
  #notYet: SallyportError | null = null;
  #calls = noCalls;
  #callPort: CallPort | null = null;
  #held = false;
  #isDelivering = false;

  /** @internal */
  constructor(transport: Transport, options: ChannelOptions) {
    this.limits = resolveLimits(options.limits);
    this.fds = options.fds ?? nativeFds;
    this.#onViolation = once(options.onViolation);
    this.#transport = transport;
    const { role, phase = 'open' } = options;
    this.#intake = new Intake(transport, this.limits.maxMessage, role, phase, this.fds, (frame, rule) =>
      this.#onFrame(frame, rule),
    );
    if (phase !== 'open' && phase !== 'start-up') this.#notYet = new ClosedError(NOT_YET);
    this.#inbox = new Inbox(this.limits, this.fds);
    this.#outbox = new Outbox(
      transport,
      this.limits,
      (error) => this.#sendingFailed(error),
      () => {
        this.#throttle.regulate();
        this.#calls.onDrain();
      },
    );
    this.#ring = new RingUpgrade(transport.ring, options.ring, this.#outbox, this.fds);
    this.buffers = new BufferExchange(options, this.limits, this.fds, this.#outbox);
    this.#throttle = new Throttle(transport, this.#inbox, this.buffers);
    transport.onBatch = (filled, fds, status) => this.#onBatch(filled, fds, status);
  }

  /** @internal The frames of calls go to `handler`, and its own by the port. Without one, such a frame is a violation. */
  carryCalls(handler: CallHandler): CallPort {
    this.#calls = handler;
    const notYet = new ClosedError(NOT_YET);
    const isNotYet = () => this.#intake.phase !== 'open' && this.#intake.phase !== 'start-up';
    const refused = () => this.#sendingEnded ?? (isNotYet() ? notYet : null);
    this.#callPort = new CallPort(this.#outbox, this.buffers, this.fds, this.limits, refused, {
      phase: () => this.#intake.phase,
      violate: (error) => this.#violated(error),
      requireWait: () => void this.#blockingReceive(),
      wait: (deadline) => this.block(deadline),
    });
    return this.#callPort;
  }

  /** @internal Begins to receive. What is to be received by blocking calls alone needs no start. */
  start(): this {
    this.#transport.start();
    return this;
  }

  /** Whether the channel keeps the process alive, as it does by default. */
  ref(): this {
    this.#transport.ref();
    return this;
  }

  unref(): this {
    this.#transport.unref();
    return this;
  }

  /** Hands what was sent to the kernel now, not at the end of this turn. Throws PeerGone. */
  flush(): void {
    this.#outbox.flush();
  }

  /** Idempotent. What was sent is flushed as far as the kernel takes it at once; what arrived and was not received is dropped. */
  close(): void {
    this.#outbox.tryFlush();
    this.#tearDown(new ClosedError('the channel was closed on this side'));
  }

  /**
   * @internal The peer's processes are gone: takes in what they left in the socket, whose size the kernel bounds, though it is more
   * than the high-water mark, and then the end of file. Somebody else may hold the peer's end, so that none comes: it is
   * waited for only `patience` milliseconds.
   */
  async finish(patience: number): Promise<void> {
    if (this.#ended !== null) return;
    this.#throttle.readOn();
    const timer = setTimeout(() => this.#end(new PeerGone('the peer is gone')), patience);
    await this.closed.finally(() => clearTimeout(timer));
  }

  /**
   * @internal The peer is to be ended for what it did, and has a moment to go: until `finish()` nothing more is read of it, and
   * no call of its is served any more.
   */
  hold(): void {
    this.#held = true;
    this.#throttle.hold();
  }

  /** @internal How the peer ended, once it is known: later PeerGone errors carry it. */
  attachResult(result: unknown): void {
    this.#ended = PeerGone.withResult(this.#ended, result);
    this.#sendingEnded = PeerGone.withResult(this.#sendingEnded, result);
  }

  /** @internal `refused`: why nothing can be sent; handshake frames go by another reason than data. */
  protected send<In>(encoder: Encoder<In>, value: In, refused = this.#sendingEnded ?? this.#notYet): Promise<void> {
    if (refused !== null) {
      encoder.drop?.(value);
      return rejected(refused);
    }
    try {
      encoder.encode(this.#outbox, value);
    } catch (error) {
      encoder.drop?.(value);
      return error === this.#sendingEnded ? rejected(error) : Promise.reject(error);
    }
    this.#ring.count();
    if (this.#ring.due) this.#offerRing();
    return this.#outbox.accept();
  }

  /** @internal */
  protected sendBlocking<In>(encoder: Encoder<In>, value: In, refused = this.#sendingEnded ?? this.#notYet): void {
    try {
      if (refused !== null) throw refused;
      this.#outbox.blocking(() => encoder.encode(this.#outbox, value));
    } catch (error) {
      encoder.drop?.(value);
      throw error;
    }
  }

  /** @internal Why a handshake frame cannot be sent. */
  protected get handshakeRefused(): SallyportError | null {
    if (this.#intake.phase === 'open') return new ClosedError('the handshake is over');
    return this.#sendingEnded;
  }

  /** @internal Data crosses no more until `Go`. */
  startUpOver(): void {
    if (this.#intake.phase !== 'start-up') return;
    this.#intake.phase = 'handshake';
    this.#notYet = new ClosedError(NOT_YET);
    this.#calls.onStartUpOver();
  }

  /** @internal `Go` was sent or received: data may cross. */
  protected opened(): void {
    this.#intake.phase = 'open';
    this.#notYet = null;
    this.#callPort?.open();
  }

  /** @internal */
  protected receive<Out, Options extends ReceiveOptions>(
    decoder: Decoder<Out, Options>,
    options: Options | undefined,
  ): Promise<Out> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const frame = this.#inbox.next();
    if (frame !== undefined) {
      try {
        return Promise.resolve(this.decode(frame, decoder, options));
      } catch (error) {
        return rejected(error);
      } finally {
        this.#throttle.regulate();
      }
    }
    if (this.#ended !== null) return rejected(this.#ended);
    const pending = new PendingReceive(this, this.#inbox, decoder, options);
    this.#inbox.wait(pending);
    return pending.promise;
  }

  /** @internal */
  protected receiveBlocking<Out, Options extends ReceiveOptions>(
    decoder: Decoder<Out, Options>,
    options: Options | undefined,
  ): Out {
    const deadline = options?.timeout === undefined ? Infinity : performance.now() + options.timeout;
    for (;;) {
      const frame = this.#inbox.next();
      if (frame === undefined) {
        this.block(deadline);
        continue;
      }
      try {
        return this.decode(frame, decoder, options);
      } finally {
        this.#throttle.regulate();
      }
    }
  }

  /** @internal Blocks for one batch, while what is queued goes out. `deadline` is on the clock of performance.now(). */
  protected block(deadline = Infinity): void {
    if (this.#ended !== null) throw this.#ended;
    const receive = this.#blockingReceive();
    this.#outbox.flush();
    const timeout = deadline === Infinity ? -1 : Math.max(0, Math.ceil(deadline - performance.now()));
    const came = receive(Math.min(timeout, LONGEST_WAIT));
    // What waits for room may be what the peer waits for.
    if (this.#callPort?.hasMore && this.#transport.queued === 0) this.#callPort.goOn();
    if (!came && timeout <= LONGEST_WAIT) throw new TimeoutError('nothing arrived in time');
  }

  /** Throws ClosedError where this side, or this moment, may not block. */
  #blockingReceive(): (timeout: number) => boolean {
    const { receiveSync } = this.#transport;
    if (receiveSync === undefined) throw new ClosedError('only a sandboxee may block on its channel');
    if (this.#isDelivering) throw new ClosedError('what decodes a message may not block on its channel');
    return receiveSync.bind(this.#transport);
  }

  /** @internal Decodes one frame for whoever asked for it; what nobody took of it is closed. */
  decode<Out, Options extends ReceiveOptions>(
    frame: Frame,
    decoder: Decoder<Out, Options>,
    options: Options | undefined,
  ): Out {
    try {
      if (decoder.tag !== frame.tag && decoder.otherTag !== frame.tag) requireTag(decoder.tag, frame.tag);
      return decoder.decode(frame, options);
    } catch (error) {
      if (error instanceof ProtocolError) this.#violated(error);
      throw error;
    } finally {
      frame.discard(this.fds);
    }
  }

  #onBatch(filled: number, fds: number[] | null, status: number): number {
    if (this.#ended !== null || status === BatchStatus.ControlTruncated) {
      for (const fd of fds ?? []) closeEventually(this.fds, fd);
      // MSG_CTRUNC is not the peer's doing: frames and fds no longer match, because this process could not take an fd.
      if (this.#ended === null) {
        this.#tearDown(
          new LimitExceeded('open files', 1, 0, 'a received fd was lost: this process has too many open files'),
        );
      }
      return filled;
    }
    const broken = ringFault(status);
    if (broken !== null) {
      for (const fd of fds ?? []) closeEventually(this.fds, fd);
      this.#violated(broken);
      return filled;
    }
    let consumed: number;
    this.buffers.beginBatch();
    this.#isDelivering = true;
    try {
      consumed = this.#intake.push(filled, fds);
    } catch (error) {
      this.#violated(error);
      return filled;
    } finally {
      this.#isDelivering = false;
    }
    // Frames that had arrived can still be received.
    if (status !== BatchStatus.Open) this.#end(new PeerGone(describeEnd(status)));
    else this.#throttle.regulate();
    if (this.#ring.due) this.#offerRing();
    return consumed;
  }

  #onFrame(frame: Frame, rule: FrameRule): void {
    this.#ring.count();
    if (frame.tag === Tag.Go) this.opened();
    if (frame.tag === Tag.RingOffer || frame.tag === Tag.RingAnswer) {
      this.#ring.handle(frame);
      return;
    }
    if (rule.exchange && this.buffers.handle(frame)) return;
    if (rule.calls && this.#held) frame.discard(this.fds);
    else if (rule.calls) this.#calls.onFrame(frame);
    else this.#inbox.deliver(frame);
  }

  /** Once the gate is shut; and a peer that no longer receives is found out by whoever sends. */
  #offerRing(): void {
    if (this.#sendingEnded !== null || this.#intake.phase !== 'open') return;
    try {
      this.#ring.offer();
    } catch {
      // See above.
    }
  }

  /** Both directions may still hold what arrived before: receives go on until the end of file is read. */
  #sendingFailed(cause: unknown): Error {
    this.#sendingEnded ??= new PeerGone('the peer no longer receives', undefined, { cause });
    this.#outbox.close(this.#sendingEnded);
    return this.#sendingEnded;
  }

  #violated(error: unknown): void {
    const violation = ProtocolError.of(error);
    this.#tearDown(violation);
    this.#onViolation(violation);
  }

  #tearDown(reason: SallyportError): void {
    this.#end(reason);
    this.#inbox.clear();
  }

  #end(reason: SallyportError): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#sendingEnded ??= reason;
    this.#intake.stop();
    this.#throttle.end();
    this.#outbox.close(reason);
    this.#inbox.fail(reason);
    this.buffers.close(reason);
    this.#transport.shutdown();
    this.#transport.close();
    this.#calls.onEnd(reason);
    this.#closing.resolve(reason);
  }
}
