import { ProtocolError } from '../errors.js';
import { closeEventually, type FdOperations } from '../fd-facts.js';
import type { Frame } from '../frame.js';
import type { ArrivedBuffer } from '../shared-buffer.js';
import { Tag } from '../tags.js';
import { callLimits } from './limits.js';

/** The fds and buffers that have arrived for the message that follows them. */
export class Attachments {
  readonly #operations: FdOperations;
  #fds: number[] = [];
  #buffers: ArrivedBuffer[] = [];

  constructor(operations: FdOperations) {
    this.#operations = operations;
  }

  add(frame: Frame): void {
    if (this.#fds.length + this.#buffers.length === callLimits.attached) {
      throw new ProtocolError(`the peer attached more than ${callLimits.attached} fds and buffers to one message`);
    }
    if (frame.tag === Tag.AttachFd) this.#fds.push(frame.takeFd());
    else this.#buffers.push(frame.takeBuffer());
  }

  /** All that has arrived, which must be as many as the message says. */
  take(fds: number, buffers: number): { fds: readonly number[]; buffers: readonly ArrivedBuffer[] } {
    if (fds !== this.#fds.length || buffers !== this.#buffers.length) {
      throw new ProtocolError(
        `the peer sent a message with ${fds} fds and ${buffers} buffers, but ${this.#fds.length} and ${this.#buffers.length} came`,
      );
    }
    const taken = { fds: this.#fds, buffers: this.#buffers };
    if (fds > 0) this.#fds = [];
    if (buffers > 0) this.#buffers = [];
    return taken;
  }

  /** As `take(0, 0)`. */
  requireNone(): void {
    if (this.#fds.length + this.#buffers.length > 0) this.take(0, 0);
  }

  drop(): void {
    for (const fd of this.#fds.splice(0)) closeEventually(this.#operations, fd);
    for (const buffer of this.#buffers.splice(0)) buffer.discard();
  }
}
