import { constants } from 'node:os';
import { requirePeer } from '../protocols/calls/offer.js';
import type { Usage } from '../protocols/calls/peer.js';
import type { Service } from '../protocols/calls/service.js';
import type { Comms } from '../protocols/comms.js';
import type { SallyportError } from '../protocols/errors.js';
import type { Fd } from '../protocols/fd.js';
import type { Implementation, Interface, Members, Remote } from '../protocols/schema/index.js';
import type { BufferMode, SharedBuffer } from '../protocols/shared-buffer.js';
import { OptionError } from './errors.js';
import type { Events } from './events.js';
import type { Layer } from './layers.js';
import { checkedLimit } from './resolve-limits.js';
import type { Result } from './result.js';
import type { Session } from './session.js';
import type { ThreadStack } from './stacks/stack.js';

/**
 * The broker's handle on an untrusted process. Nothing that the process does makes a method of this throw; sends
 * and receives of `comms`, and calls, reject with `PeerGone` once it is gone.
 */
export class Sandboxee implements AsyncDisposable {
  readonly #session: Session;

  /** @internal Made by `launch()`. */
  constructor(session: Session) {
    this.#session = session;
  }

  /** Typed values, fds and shared buffers, in order. */
  get comms(): Comms {
    return this.#session.comms;
  }

  /** The broker's ends of the pipes and sockets that the executor declared, by name. Each is the caller's to close. */
  get fds(): ReadonlyMap<string, Fd> {
    return this.#session.fds;
  }

  /**
   * Sets the wall time anew, e.g. for one request.
   *
   * @param time milliseconds from now on; `Infinity` lifts it
   */
  setWallTime(time: number): void {
    this.#session.setWallTime(checkedLimit('wallTime', time));
  }

  /**
   * The sandboxee's side of an interface, to be called. It does not wait: calls are answered once the sandboxee serves the
   * interface, and rejected where it serves another version of it.
   */
  connect<M extends Members>(target: Interface<M>): Remote<Interface<M>> {
    return requirePeer(this.#session.peer).connect(target);
  }

  /** Answers the sandboxee's calls of this interface. What must be there from the first moment goes in `launch({ services })`. */
  serve<M extends Members>(target: Interface<M>, implementation: Implementation<Interface<M>>): Service<M> {
    return requirePeer(this.#session.peer).serve(target, implementation);
  }

  /** What calls use up, in both directions, and how much they may. */
  usage(): Usage {
    return requirePeer(this.#session.peer).usage();
  }

  /** Resolves with the reason once nothing can be sent or received any more. `result` says how the process ended. */
  get closed(): Promise<SallyportError> {
    return this.#session.comms.closed;
  }

  /** Its process id as the broker sees it. */
  get pid(): number {
    return this.#session.pid;
  }

  /** What is in force around it, and what is not, with the reason. */
  get layers(): readonly Layer[] {
    return this.#session.layers;
  }

  get events(): Events {
    return this.#session.events;
  }

  /** How it ended: exactly one, and never a rejection. By then nothing of it is left but what was received from it. */
  get result(): Promise<Result> {
    return this.#session.result;
  }

  /**
   * Shared memory out of its quota, owned by the caller until it is sent, closed or disposed of.
   *
   * @param size bytes
   * @throws BufferQuota where `limits.sharedMemory` is used up
   */
  createBuffer(size: number, mode: BufferMode = 'read-only'): SharedBuffer {
    return this.comms.createBuffer(size, mode);
  }

  /** Ends it and every process that it started, at once. `result` says `killed`, unless another cause came first. */
  kill(reason = 'kill() was called'): void {
    this.#session.end({ status: 'killed', reason });
  }

  /**
   * The stack of every thread, whatever it is doing: at most 64, and 200 frames each. It is stopped for a few milliseconds
   * meanwhile, at most 2 s: a blocking call is restarted, or for a few such as epoll_wait returns EINTR, as after SIGCONT. Where
   * there is none, `missing` says why. Never rejects; empty once it has ended.
   */
  dump(): Promise<readonly ThreadStack[]> {
    return this.#session.dump();
  }

  /**
   * Sends a signal to the program and to what is in its process group, as a terminal would. What it does with it is its own
   * affair: `kill()` ends it.
   */
  signal(signal: NodeJS.Signals): void {
    const number = constants.signals[signal];
    if (number === undefined) throw new OptionError('signal()', `${String(signal)} is no signal; SIGTERM is one`);
    this.#session.signal(number);
  }

  /** Kills it if it still runs, drops what was received and not taken, and resolves with the result. Idempotent. */
  async close(): Promise<Result> {
    this.kill('it was closed');
    const result = await this.result;
    this.comms.close();
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
