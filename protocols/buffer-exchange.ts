import {
  decodeFacts,
  decodeRefusal,
  decodeRequest,
  encodeGrant,
  encodeId,
  encodeRefusal,
  encodeRequest,
  Refusal,
} from './buffer-frames.js';
import { BufferQuota, InvalidArgument, LimitExceeded, PeerGone, ProtocolError, SallyportError } from './errors.js';
import type { FdOperations } from './fd-facts.js';
import type { Frame } from './frame.js';
import type { ChannelLimits } from './limits.js';
import type { Outbox } from './outbox.js';
import { grantTags, queueBuffer } from './outgoing-buffer.js';
import {
  type ArrivedBuffer,
  type BufferHome,
  type BufferMode,
  type BufferNews,
  checkBuffer,
  type DepartingBuffer,
  type SharedBuffer,
} from './shared-buffer.js';
import { Tag } from './tags.js';

/** The broker's part: where buffers come from. */
export interface BufferHooks {
  /** This side's buffers. Without it none cross. */
  readonly buffers?: BufferHome;
  /** Decides on a request of the sandboxee's: returns a buffer of `buffers`, or throws. Default: `buffers.create`. */
  readonly onBufferRequest?: (size: number, mode: BufferMode) => SharedBuffer;
}

export interface Answer {
  resolve(buffer: SharedBuffer): void;
  reject(reason: Error): void;
}

interface Waiting extends Answer {
  readonly size: number;
}

/** The frames by which a sandboxee asks for shared memory, and buffers move between the sides. */
export class BufferExchange {
  readonly #home: BufferHome | undefined;
  readonly #grant: (size: number, mode: BufferMode) => SharedBuffer;
  readonly #limits: ChannelLimits;
  readonly #fds: FdOperations;
  readonly #outbox: Outbox;
  readonly #requests = new Map<number, Waiting>();
  #lastRequest = 0;
  #lastReply = 0;
  #requestsInBatch = 0;
  /** Where those of our grants end, in bytes sent, that may not have left. */
  readonly #unsentGrants: number[] = [];
  #ended: Error | null = null;

  constructor(hooks: BufferHooks, limits: ChannelLimits, fds: FdOperations, outbox: Outbox) {
    this.#home = hooks.buffers;
    this.#grant = hooks.onBufferRequest ?? ((size, mode) => this.create(size, mode));
    this.#limits = limits;
    this.#fds = fds;
    this.#outbox = outbox;
    this.#home?.attach?.({
      released: (id) => this.#tell(Tag.BufferRelease, id),
      kept: (id) => this.#tell(Tag.BufferKept, id),
    });
  }

  /** Throws where this channel carries no buffers. */
  get home(): BufferHome {
    if (this.#home === undefined) throw new InvalidArgument('this channel carries no shared buffers');
    return this.#home;
  }

  get mapped(): BufferHome['mapped'] {
    return this.#home?.mapped ?? { used: 0, limit: 0 };
  }

  /** Answers of ours that the peer does not read: what makes us read on only makes more of them. */
  get repliesUnread(): boolean {
    const { queued, position } = this.#outbox;
    return queued > this.#limits.sendHighWater && this.#lastReply > position - queued;
  }

  create(size: number, mode: BufferMode): SharedBuffer {
    const { home } = this;
    if (home.create === undefined) throw new InvalidArgument('only the broker makes shared buffers: request one');
    return home.create(size, mode);
  }

  /** `answer` gets exactly one call, unless this throws. */
  request(size: number, mode: BufferMode, answer: Answer): void {
    if (this.#ended !== null) throw this.#ended;
    if (this.home.create !== undefined)
      throw new InvalidArgument('the broker makes shared buffers itself: createBuffer');
    checkBuffer(size, mode);
    const { bufferRequests } = this.#limits;
    if (this.#requests.size >= bufferRequests) {
      throw new LimitExceeded('bufferRequests', this.#requests.size + 1, bufferRequests);
    }
    this.#lastRequest = (this.#lastRequest + 1) >>> 0;
    this.#outbox.frame(Tag.BufferRequest, encodeRequest({ request: this.#lastRequest, mode, size }));
    this.#requests.set(this.#lastRequest, { ...answer, size });
  }

  /** False for a frame that is for the inbox. */
  handle(frame: Frame): boolean {
    switch (frame.tag) {
      case Tag.SharedBuffer:
      case Tag.AttachBuffer:
        frame.attachBuffer(this.#arrived(frame));
        return false;
      case Tag.SharedBufferById:
        frame.attachBuffer(this.#arrived(frame));
        frame.tag = Tag.SharedBuffer;
        return false;
      case Tag.AttachBufferById:
        frame.attachBuffer(this.#arrived(frame));
        frame.tag = Tag.AttachBuffer;
        return false;
      case Tag.BufferRequest:
        try {
          this.#answer(frame);
        } catch (error) {
          // A peer that asks and does not wait for the answer does nothing wrong.
          if (!(error instanceof PeerGone)) throw error;
        }
        return true;
      case Tag.BufferGrant:
      case Tag.BufferGrantById:
        this.#granted(frame);
        return true;
      case Tag.BufferRefusal:
        this.#refused(frame);
        return true;
      case Tag.BufferKept:
        this.#told.kept(frame.bytes.readUInt32LE(frame.start));
        return true;
      default:
        this.#told.released(frame.bytes.readUInt32LE(frame.start));
        return true;
    }
  }

  close(reason: Error): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#home?.close();
    for (const { reject } of this.#requests.values()) reject(reason);
    this.#requests.clear();
  }

  #arrived(frame: Frame): ArrivedBuffer {
    const facts = decodeFacts(frame.bytes, frame.start);
    if (this.#home === undefined)
      throw new ProtocolError('the peer sent a shared buffer on a channel that carries none');
    return this.#home.arrive(fdOf(frame), facts);
  }

  /** Each grant that waits holds an fd. A peer that keeps to its limit of open requests cannot leave so many waiting. */
  #boundUnsentGrants(): void {
    const { sent } = this.#outbox;
    while ((this.#unsentGrants[0] ?? Infinity) <= sent) this.#unsentGrants.shift();
    const { bufferRequests } = this.#limits;
    if (this.#unsentGrants.length < bufferRequests) return;
    throw new ProtocolError(`the peer asked for more than ${bufferRequests} shared buffers and takes none`);
  }

  /** What follows was all sent before any of it is answered. */
  beginBatch(): void {
    this.#requestsInBatch = 0;
  }

  /** Each request costs an fd and a send of its own; who keeps to its limit of open ones has no more of them in a batch. */
  #boundRequests(): void {
    this.#requestsInBatch += 1;
    const { bufferRequests } = this.#limits;
    if (this.#requestsInBatch <= bufferRequests) return;
    throw new ProtocolError(`the peer asked for more than ${bufferRequests} shared buffers at once`);
  }

  #answer(frame: Frame): void {
    const { request, size, mode } = decodeRequest(frame.bytes, frame.start);
    this.#boundRequests();
    this.#boundUnsentGrants();
    let departing: DepartingBuffer;
    try {
      departing = this.home.depart(this.#grant(size, mode));
    } catch (error) {
      const quota = error instanceof BufferQuota;
      const reason = quota ? Refusal.Quota : Refusal.Failed;
      this.#outbox.frame(Tag.BufferRefusal, encodeRefusal({ request, reason, available: quota ? error.available : 0 }));
      this.#replied();
      return;
    }
    try {
      queueBuffer(this.#outbox, this.home, this.#fds, departing, grantTags, encodeGrant(request, departing.facts));
      this.#unsentGrants.push(this.#outbox.position);
    } catch (error) {
      if (!(error instanceof LimitExceeded)) throw error;
      this.#outbox.frame(Tag.BufferRefusal, encodeRefusal({ request, reason: Refusal.Failed, available: 0 }));
    }
    this.#replied();
  }

  #replied(): void {
    this.#lastReply = this.#outbox.position;
    // Sends are coalesced per microtask turn; this is the turn's only call to accept() if the app sends nothing.
    void this.#outbox.accept();
  }

  #granted(frame: Frame): void {
    const waiting = this.#take(frame.bytes.readUInt32LE(frame.start));
    const facts = decodeFacts(frame.bytes, frame.start + 4);
    const arrived = this.home.arrive(fdOf(frame), facts);
    try {
      waiting.resolve(arrived.open());
    } catch (error) {
      waiting.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #refused(frame: Frame): void {
    const { request, reason, available } = decodeRefusal(frame.bytes, frame.start);
    const { size, reject } = this.#take(request);
    if (reason === Refusal.Quota) {
      reject(
        new BufferQuota(
          size,
          available,
          `the broker grants no buffer of ${size} bytes: ${available} are left. Close or send back buffers`,
        ),
      );
    } else {
      reject(new SallyportError('ERR_SALLYPORT_BUFFER_REFUSED', `the broker could not make a buffer of ${size} bytes`));
    }
  }

  #take(request: number): Waiting {
    const waiting = this.#requests.get(request);
    if (waiting === undefined)
      throw new ProtocolError(`the peer answered buffer request ${request}, which is not open`);
    this.#requests.delete(request);
    return waiting;
  }

  get #told(): BufferNews {
    const told = this.#home?.told;
    if (told === undefined) throw new ProtocolError('the peer speaks of buffers on a channel that carries none');
    return told;
  }

  #tell(tag: number, id: number): void {
    if (this.#ended !== null) return;
    try {
      this.#outbox.frame(tag, encodeId(id));
      void this.#outbox.accept();
    } catch (error) {
      // Whoever closes a buffer is not told that the broker has gone: the next send or receive is.
      if (!(error instanceof PeerGone)) throw error;
    }
  }
}

/** The frame's, where its tag is one that carries an fd. */
function fdOf(frame: Frame): number | null {
  return frame.hasFd ? frame.takeFd() : null;
}
