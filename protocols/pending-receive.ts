import type { Decoder, ReceiveOptions } from './codec.js';
import { markHandled } from './deferred.js';
import type { Frame } from './frame.js';
import type { Inbox, Waiter } from './inbox.js';

/** What a pending receive needs of its channel. */
interface FrameDecoder {
  decode<Out, Options extends ReceiveOptions>(
    frame: Frame,
    decoder: Decoder<Out, Options>,
    options: Options | undefined,
  ): Out;
}

/** A receive that came before its frame. */
export class PendingReceive<Out, Options extends ReceiveOptions> implements Waiter {
  readonly promise: Promise<Out>;
  readonly #channel: FrameDecoder;
  readonly #decoder: Decoder<Out, Options>;
  readonly #options: Options | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | undefined;
  // Assigned by the promise's executor, before anything else can run.
  #resolve!: (value: Out) => void;
  #reject!: (reason: unknown) => void;

  constructor(channel: FrameDecoder, inbox: Inbox, decoder: Decoder<Out, Options>, options: Options | undefined) {
    this.promise = new Promise<Out>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#channel = channel;
    this.#decoder = decoder;
    this.#options = options;
    this.#signal = options?.signal;
    if (this.#signal === undefined) return;
    this.#onAbort = () => {
      inbox.withdraw(this);
      this.fail(this.#signal?.reason);
    };
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  deliver(frame: Frame): void {
    this.#unlisten();
    try {
      this.#resolve(this.#channel.decode(frame, this.#decoder, this.#options));
    } catch (error) {
      this.fail(error);
    }
  }

  fail(reason: unknown): void {
    this.#unlisten();
    markHandled(this.promise);
    this.#reject(reason);
  }

  #unlisten(): void {
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}
