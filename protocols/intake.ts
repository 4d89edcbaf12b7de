import { ProtocolError } from './errors.js';
import { closeEventually, type FdOperations } from './fd-facts.js';
import { Frame } from './frame.js';
import type { FrameRule, Phase, Role } from './frame-rules.js';
import { FrameParser } from './frames.js';
import { tagName } from './tags.js';
import type { Transport } from './transport.js';

/** The frame is used again for the next one: take what it has, or detach() it. */
export type OnFrame = (frame: Frame, rule: FrameRule) => void;

/**
 * Makes frames out of batches: gives each its fd, and refuses what the peer of this side may not send now.
 *
 * fds come in a line of their own, in order, none later than the first byte of its frame. So once a batch is cut up, the only
 * fd that may be left is that of the frame which is not whole yet.
 */
export class Intake {
  phase: Phase;
  readonly #role: Role;
  readonly #fds: FdOperations;
  readonly #onFrame: OnFrame;
  readonly #parser: FrameParser;
  readonly #frame: Frame;
  readonly #unclaimed: number[] = [];

  constructor(
    { slab, pull }: Pick<Transport, 'slab' | 'pull'>,
    maxMessage: number,
    role: Role,
    phase: Phase,
    fds: FdOperations,
    onFrame: OnFrame,
  ) {
    this.phase = phase;
    this.#role = role;
    this.#fds = fds;
    this.#onFrame = onFrame;
    this.#frame = new Frame(slab);
    this.#parser = new FrameParser(
      slab,
      maxMessage,
      (tag, rule, bytes, start, end, owned) => {
        this.#frame.set(tag, bytes, start, end, owned);
        this.#pass(rule);
      },
      pull,
    );
  }

  /** Owns `fds`. Returns how many bytes it consumed; throws ProtocolError, and is then of no more use. */
  push(filled: number, fds: number[] | null): number {
    if (fds !== null) this.#unclaimed.push(...fds);
    const consumed = this.#parser.push(filled);
    const surplus = this.#unclaimed.length - (this.#parser.mayClaimFd ? 1 : 0);
    if (surplus > 0) throw new ProtocolError(`the peer sent ${surplus} fds that belong to no frame`);
    return consumed;
  }

  /** Passes nothing on any more, not even from the batch at hand, and closes the fds that nobody took. */
  stop(): void {
    this.#parser.stop();
    this.#frame.discard(this.#fds);
    for (const fd of this.#unclaimed.splice(0)) closeEventually(this.#fds, fd);
  }

  #pass(rule: FrameRule): void {
    const frame = this.#frame;
    if (!isOf(rule, this.phase) || rule.from === this.#role) {
      throw new ProtocolError(`the peer sent ${tagName(frame.tag)}, which it may not send now`);
    }
    if (rule.carriesFd) {
      const fd = this.#unclaimed.shift();
      if (fd === undefined) throw new ProtocolError(`the peer sent ${tagName(frame.tag)} without its fd`);
      frame.attachFd(fd);
    }
    this.#onFrame(frame, rule);
  }
}

/** Which calls may be made in the start-up is for their interface to say. */
function isOf({ phase }: FrameRule, now: Phase): boolean {
  return now === 'start-up' ? phase !== 'life' : phase === now;
}
