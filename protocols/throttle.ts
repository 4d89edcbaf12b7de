import type { Transport } from './transport.js';

/**
 * Stops reading while what was read waits: unreceived frames, or answers of ours that the peer does not read. It goes on at
 * half the mark, so that not every receive is a change.
 */
export class Throttle {
  readonly #transport: Transport;
  readonly #inbox: { readonly full: boolean; readonly hasRoom: boolean };
  readonly #replies: { readonly repliesUnread: boolean };
  #paused = false;
  #held = false;
  #released = false;

  constructor(
    transport: Transport,
    inbox: { readonly full: boolean; readonly hasRoom: boolean },
    replies: { readonly repliesUnread: boolean },
  ) {
    this.#transport = transport;
    this.#inbox = inbox;
    this.#replies = replies;
  }

  regulate(): void {
    if (this.#released || this.#held) return;
    const stuck = this.#replies.repliesUnread;
    if (this.#paused) {
      if (stuck || !this.#inbox.hasRoom) return;
      this.#paused = false;
      this.#transport.resume();
    } else if (stuck || this.#inbox.full) {
      this.#paused = true;
      this.#transport.pause();
    }
  }

  /** Reads nothing more, whoever waits for it, until `readOn()`. */
  hold(): void {
    if (this.#released || this.#held) return;
    this.#held = true;
    if (!this.#paused) this.#transport.pause();
    this.#paused = true;
  }

  /** Reads on whatever waits. */
  readOn(): void {
    this.#released = true;
    if (this.#paused) this.#transport.resume();
  }

  /** The transport is closed. */
  end(): void {
    this.#released = true;
  }
}
