import { encodeFacts } from './buffer-frames.js';
import { ProtocolError, type SallyportError } from './errors.js';
import type { Fd } from './fd.js';
import type { FdOperations } from './fd-facts.js';
import type { Frame } from './frame.js';
import type { ChannelLimits } from './limits.js';
import type { Outbox } from './outbox.js';
import type { BufferHome, SharedBuffer } from './shared-buffer.js';
import { Tag } from './tags.js';

/** What a channel tells of whoever makes and serves calls on it. */
export interface CallHandler {
  /** The frame is gone after the call; what is not taken of it is closed. Throws ProtocolError. */
  onFrame(frame: Frame): void;
  /** What was queued has left. */
  onDrain(): void;
  /** Once; nothing is sent or received from here on. */
  onEnd(reason: SallyportError): void;
}

/** Of a channel that carries no calls. */
export const noCalls: CallHandler = {
  onFrame: () => {
    throw new ProtocolError(
      "the peer makes calls on a channel that carries none: a sandboxee imports its interface, and so 'sallyport/protocols', before sandboxMeHere()",
    );
  },
  onDrain: () => {},
  onEnd: () => {},
};

const nothing = new Uint8Array(0);

/** The sending side of a channel, for calls. Frames leave in the order of these calls, all of one turn in one write. */
export class CallPort {
  readonly fds: FdOperations;
  readonly limits: ChannelLimits;
  /** Closes the channel for what the peer did. */
  readonly violate: (error: unknown) => void;
  readonly #outbox: Outbox;
  readonly #buffers: { readonly home: BufferHome };
  readonly #refused: () => SallyportError | null;

  constructor(
    outbox: Outbox,
    buffers: { readonly home: BufferHome },
    fds: FdOperations,
    limits: ChannelLimits,
    refused: () => SallyportError | null,
    violate: (error: unknown) => void,
  ) {
    this.#outbox = outbox;
    this.#buffers = buffers;
    this.fds = fds;
    this.limits = limits;
    this.#refused = refused;
    this.violate = violate;
  }

  /** Bytes accepted that the kernel has not. */
  get queued(): number {
    return this.#outbox.queued;
  }

  /** Throws where nothing can be sent, or not so much. */
  check(size: number): void {
    const refused = this.#refused();
    if (refused !== null) throw refused;
    this.#outbox.checkSize(size);
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
    const { fd, facts } = home.depart(buffer);
    try {
      this.#outbox.frameWithFd(Tag.AttachBuffer, encodeFacts(facts), fd, this.fds);
    } catch (error) {
      home.lost(facts.id);
      throw error;
    }
  }

  /** Whether more than so many bytes wait, once the kernel has been given what it takes. */
  isCongested(bytes: number): boolean {
    if (this.#outbox.queued <= bytes) return false;
    this.#outbox.tryFlush();
    return this.#outbox.queued > bytes;
  }
}
