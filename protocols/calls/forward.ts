import { InvalidArgument, LimitExceeded, RemoteError, SallyportError } from '../errors.js';
import { passableOf } from '../schema/handles.js';
import type { Interface, Members, NamedMember } from '../schema/interface.js';
import type { Context, EventSource, RemoteOf, ServiceOf } from '../schema/members.js';
import type { Binding } from './binding.js';
import { BuiltInFailure } from './context.js';
import { isBuiltIn } from './failure-codes.js';
import { callLimits } from './limits.js';
import { makeRemote, Passable, type RemotePort } from './remote.js';
import { type Handler, Service, type Subscriber } from './service.js';

/**
 * Somebody else's remote, served here. Each call is decoded, checked and encoded again, so that neither side meets the other;
 * it ends with the source, and holds its reference there until the peer that it was passed to lets go of it.
 */
export class Forward extends Service {
  readonly #binding: Binding;
  readonly #port: RemotePort;
  readonly #remote: Disposable;
  readonly #listening = new Map<number, { readonly count: number; readonly events: AsyncIterator<unknown> }>();

  constructor({ binding, port }: Passable) {
    const own = port.share(binding);
    super(binding.interface, implementationOf(own, port));
    this.#binding = own;
    this.#port = port;
    this.#remote = makeRemote(own, port);
  }

  /** What it stands for, for this side itself. */
  again(onReleased: () => void): Disposable {
    return makeRemote(this.#port.share(this.#binding, onReleased), this.#port);
  }

  override unheld(): void {
    this.#remote[Symbol.dispose]();
  }

  override subscribe(ordinal: number, subscriber: Subscriber): void {
    super.subscribe(ordinal, subscriber);
    const found = this.#listening.get(ordinal);
    if (found !== undefined) {
      this.#listening.set(ordinal, { ...found, count: found.count + 1 });
      return;
    }
    const member = this.interface.table[ordinal];
    if (member?.kind !== 'event') return;
    const source: EventSource<unknown> = Reflect.get(this.#remote, member.name);
    const events = source[Symbol.asyncIterator]();
    this.#listening.set(ordinal, { count: 1, events });
    void this.#pass(ordinal, member.name, events);
  }

  override unsubscribe(ordinal: number, subscriber: Subscriber): void {
    super.unsubscribe(ordinal, subscriber);
    const found = this.#listening.get(ordinal);
    if (found === undefined) return;
    if (found.count > 1) {
      this.#listening.set(ordinal, { ...found, count: found.count - 1 });
      return;
    }
    this.#listening.delete(ordinal);
    void found.events.return?.();
  }

  async #pass(ordinal: number, name: string, events: AsyncIterator<unknown>): Promise<void> {
    const emit: (value: unknown) => void = Reflect.get(this.emit, name);
    try {
      for (let next = await events.next(); next.done !== true; next = await events.next()) emit(next.value);
    } catch {
      this.endSubscribers(ordinal);
    }
  }
}

/** One that stays with who made it. */
class Lent extends Forward implements Disposable {
  override unheld(): void {}

  [Symbol.dispose](): void {
    super.unheld();
  }
}

/**
 * A service that passes everything on to this remote: it may be given to several peers, and as often as one likes. To dispose of
 * it takes it away from all of them; calls under way go on. The remote itself stays yours.
 */
export function lend<M extends Members>(target: Interface<M>, remote: RemoteOf<M>): ServiceOf<M> & Disposable {
  const passable = passableOf(remote);
  if (!(passable instanceof Passable) || passable.interface !== target)
    throw new InvalidArgument(`lend(${target.name}): give it a remote of that interface`);
  passable.check();
  return new Lent(passable) as Disposable as ServiceOf<M> & Disposable;
}

function implementationOf(binding: Binding, { calls }: RemotePort): object {
  const handlers: Record<string, Handler> = {};
  for (const [ordinal, member] of binding.interface.table.entries()) {
    if (member.kind === 'method') handlers[member.name] = (input, context) => passCall(ordinal, member, input, context);
    else if (member.kind === 'stream')
      handlers[member.name] = (input, context) => passStream(ordinal, member, input, context);
  }
  return handlers;

  async function passCall(
    ordinal: number,
    member: Extract<NamedMember, { kind: 'method' }>,
    input: unknown,
    context: Context,
  ): Promise<unknown> {
    try {
      requireRoom(member, input);
      // Who called it here has a deadline, and cancels.
      return await calls.call(binding, ordinal, member, input, { signal: context.signal, timeout: Infinity });
    } catch (error) {
      throw told(error, member, context);
    }
  }

  async function* passStream(
    ordinal: number,
    member: Extract<NamedMember, { kind: 'stream' }>,
    input: unknown,
    context: Context,
  ): AsyncGenerator<unknown> {
    try {
      requireRoom(member, input);
      yield* calls.stream(binding, ordinal, member, input, { signal: context.signal, timeout: Infinity });
    } catch (error) {
      throw told(error, member, context);
    }
  }

  /** What is passed on leaves the other half of the source to this side's own calls. */
  function requireRoom({ input: type }: Extract<NamedMember, { kind: 'method' | 'stream' }>, input: unknown): void {
    const half = {
      calls: [calls.count, callLimits.calls / 2],
      bytes: [calls.bytes, callLimits.bytes / 2],
      fds: [calls.fds, callLimits.fds / 2],
    } as const;
    for (const [which, [used, limit]] of Object.entries(half)) {
      if (used < limit) continue;
      type.drop?.(input);
      throw new LimitExceeded(which, used, limit, 'too much is passed on');
    }
  }
}

function told(error: unknown, { errors }: { readonly errors: readonly string[] }, context: Context): unknown {
  if (error instanceof RemoteError) {
    if (errors.includes(error.code)) return context.fail(error.code, error.detail);
    return new BuiltInFailure(isBuiltIn(error.code) ? error.code : 'internal', { cause: error });
  }
  if (error instanceof LimitExceeded || error instanceof InvalidArgument) return error;
  return error instanceof SallyportError ? new BuiltInFailure('unavailable', { cause: error }) : error;
}
