import type { BufferExchange } from './buffer-exchange.js';
import { LimitExceeded, ProtocolError, type SallyportError } from './errors.js';
import type { Fd } from './fd.js';
import type { FdOperations } from './fd-facts.js';
import type { Frame } from './frame.js';
import type { Phase } from './frame-rules.js';
import { LargeAnswers } from './large-answers.js';
import type { ChannelLimits } from './limits.js';
import type { Outbox } from './outbox.js';
import { attachTags, queueBuffer } from './outgoing-buffer.js';
import type { SharedBuffer } from './shared-buffer.js';
import { Tag } from './tags.js';

/** What a channel tells of whoever makes and serves calls on it. */
export interface CallHandler {
  /** The frame is gone after the call; what is not taken of it is closed. Throws ProtocolError. */
  onFrame(frame: Frame): void;
  /** What was queued has left. */
  onDrain(): void;
  /** The program is not trusted any more; nothing crosses until go. */
  onStartUpOver(): void;
  /** Once; nothing is sent or received from here on. */
  onEnd(reason: SallyportError): void;
}

/** Its bytes are not kept. */
export interface OutgoingMessage {
  readonly size: number;
  /** Whether the first `size` of `bytes` are all of it. */
  readonly isWhole: boolean;
  readonly bytes: Buffer;
  pieces(): Uint8Array[];
}

/** Of a channel that carries no calls. */
export const noCalls: CallHandler = {
  onFrame: () => {
    throw new ProtocolError(
      "the peer makes calls on a channel that carries none: a sandboxee imports its interface, and so 'sallyport/protocols', before sandboxMeHere()",
    );
  },
  onDrain: () => {},
  onStartUpOver: () => {},
  onEnd: () => {},
};

const nothing = new Uint8Array(0);

/** The sending side of a channel, for calls. Frames leave in the order of these calls, all of one turn in one write. */
export class CallPort {
  readonly fds: FdOperations;
  readonly limits: ChannelLimits;
  /** Closes the channel for what the peer did. */
  readonly violate: (error: unknown) => void;
  /**
   * Blocks for one batch, at most until then on the clock of performance.now(). Throws TimeoutError, the reason why the channel
   * has ended, and ClosedError where it may not block.
   */
  readonly wait: (deadline: number) => void;
  /** Throws ClosedError where it may not block now. */
  readonly requireWait: () => void;
  readonly #outbox: Outbox;
  readonly #buffers: Pick<BufferExchange, 'home' | 'mapped'>;
  readonly #refused: () => SallyportError | null;
  readonly #phase: () => Phase;
  readonly #large: LargeAnswers;
  /** Of this side's own connections and listeners, until they may be sent: no peer can make any. */
  #held: { readonly tag: number; readonly payload: Uint8Array }[] = [];

  constructor(
    outbox: Outbox,
    buffers: Pick<BufferExchange, 'home' | 'mapped'>,
    fds: FdOperations,
    limits: ChannelLimits,
    refused: () => SallyportError | null,
    {
      phase,
      violate,
      wait,
      requireWait,
    }: Pick<CallPort, 'violate' | 'wait' | 'requireWait'> & { readonly phase: () => Phase },
  ) {
    this.requireWait = requireWait;
    this.wait = wait;
    this.#phase = phase;
    this.#outbox = outbox;
    this.#large = new LargeAnswers(outbox);
    this.#buffers = buffers;
    this.fds = fds;
    this.limits = limits;
    this.#refused = refused;
    this.violate = violate;
  }

  /** Bytes accepted that the kernel has not. */
  get queued(): number {
    return this.#outbox.queued + this.#large.bytes;
  }

  /** Bytes of shared memory. */
  get mapped(): BufferExchange['mapped'] {
    return this.#buffers.mapped;
  }

  /** Throws where nothing can be sent, or not so much. */
  check(size: number): void {
    const refused = this.#refused();
    if (refused !== null) throw refused;
    this.#outbox.checkSize(size);
    const { queued } = this;
    const { sendMax } = this.limits;
    if (this.#large.bytes > 0 && size + queued > sendMax)
      throw new LimitExceeded('sendMax', size + queued, sendMax, `${queued} bytes are queued`);
  }

  /**
   * A Return that carries nothing, for whose size `check` was asked. What is too large to go at once goes in parts, which let
   * other frames by.
   */
  answer(message: OutgoingMessage): void {
    if (this.#large.goesWhole(message.size)) this.message(Tag.Return, message);
    else this.#large.push(Buffer.concat(message.pieces(), message.size));
  }

  /** A message, for whose size `check` was asked. */
  message(tag: number, message: OutgoingMessage): void {
    if (message.isWhole) this.#outbox.frame(tag, message.bytes, message.size);
    else this.#outbox.frameOf(tag, message.pieces(), message.size);
    void this.#outbox.accept();
  }

  /** Whether parts of an answer wait for room. */
  get hasMore(): boolean {
    return this.#large.bytes > 0;
  }

  /** What was queued has left. It never throws: nobody is there who could be told. */
  goOn(): void {
    try {
      this.#large.goOn();
    } catch {
      // The peer is gone: the channel is told by the outbox, and tells everybody. Or there is no room, and the next drain is another try.
    }
  }

  end(): void {
    this.#held = [];
    this.#large.end();
  }

  get phase(): Phase {
    return this.#phase();
  }

  /**
   * What need not be awaited: it waits for go where it cannot be sent. In the start-up nobody listens; and to let go of a
   * remote has no moment of its own, so that it could come when the other side's start-up is over.
   */
  control(tag: number, payload: Uint8Array): void {
    const { phase } = this;
    const mayGo = phase === 'open' || (phase === 'start-up' && tag !== Tag.Listen && tag !== Tag.Release);
    if (mayGo) this.frame(tag, payload);
    else this.#held.push({ tag, payload });
  }

  /** Go: what waited is sent. */
  open(): void {
    const held = this.#held;
    this.#held = [];
    if (this.#refused() !== null) return;
    for (const { tag, payload } of held) this.frame(tag, payload);
  }

  frame(tag: number, payload: Uint8Array): void {
    this.check(payload.length);
    this.#outbox.frame(tag, payload);
    void this.#outbox.accept();
  }

  /** Moves the fd, also when it throws. */
  attachFd(fd: Fd): void {
    this.#outbox.frameWithFd(Tag.AttachFd, nothing, fd.release(), this.fds);
  }

  /** Moves the buffer, also when it throws. */
  attachBuffer(buffer: SharedBuffer): void {
    const { home } = this.#buffers;
    queueBuffer(this.#outbox, home, this.fds, home.depart(buffer), attachTags);
  }

  /** Whether more than so many bytes wait before what is sent now, once the kernel has been given what it takes. */
  isCongested(bytes: number): boolean {
    if (this.#outbox.queued <= bytes) return false;
    this.#outbox.tryFlush();
    return this.#outbox.queued > bytes;
  }
}
