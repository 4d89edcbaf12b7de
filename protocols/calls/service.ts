import { InvalidArgument } from '../errors.js';
import { type Interface, isInterface, type Members, type NamedMember } from '../schema/interface.js';
import type { Context, Implementation, ServiceOf } from '../schema/members.js';
import { encode } from '../schema/message.js';

/** An implementation's function. What it is given was decoded by the type of its member, which is what it was written for. */
export type Handler = (input: unknown, context: Context) => unknown;

/** Someone who listens to one event of a service. */
export interface Subscriber {
  push(value: Buffer): void;
  /** Nothing more comes. */
  end(): void;
}

/** An implementation, its handlers by ordinal, and who listens to its events. It may be served to many peers at a time. */
export class Service<M extends Members = Members> implements ServiceOf<M> {
  readonly interface: Interface<M>;
  readonly emit: ServiceOf<M>['emit'];
  /** @internal null where the member is an event. */
  readonly handlers: readonly (Handler | null)[];
  readonly #subscribers = new Map<number, Set<Subscriber>>();

  constructor(target: Interface<M>, implementation: object) {
    this.interface = target;
    this.handlers = Object.freeze(target.table.map((member) => handlerOf(target.name, implementation, member)));
    const emitters = target.table.flatMap((member, ordinal) =>
      member.kind === 'event' ? [[member.name, (value: unknown) => this.#emit(ordinal, member, value)]] : [],
    );
    this.emit = Object.freeze(Object.fromEntries(emitters)) as ServiceOf<M>['emit'];
  }

  /** @internal */
  subscribe(ordinal: number, subscriber: Subscriber): void {
    const found = this.#subscribers.get(ordinal);
    if (found === undefined) this.#subscribers.set(ordinal, new Set([subscriber]));
    else found.add(subscriber);
  }

  /** @internal */
  unsubscribe(ordinal: number, subscriber: Subscriber): void {
    this.#subscribers.get(ordinal)?.delete(subscriber);
  }

  /** @internal No peer holds it any more, or none that was given it by this channel. */
  unheld(): void {}

  /** @internal */
  protected endSubscribers(ordinal: number): void {
    for (const subscriber of this.#subscribers.get(ordinal) ?? []) subscriber.end();
  }

  #emit(ordinal: number, member: Extract<NamedMember, { kind: 'event' }>, value: unknown): void {
    const encoded = encode(member.value, value);
    for (const subscriber of this.#subscribers.get(ordinal) ?? []) subscriber.push(encoded);
  }
}

function handlerOf(name: string, implementation: object, member: NamedMember): Handler | null {
  if (member.kind === 'event') return null;
  const found: unknown = Reflect.get(implementation, member.name);
  if (typeof found === 'function') return (input, context) => found.call(implementation, input, context);
  throw new InvalidArgument(`the implementation of ${name} has no function ${member.name}`);
}

/** What `serve` takes, `launch({ services })`, and every `t.remote` of the interface. */
export function service<M extends Members>(
  target: Interface<M>,
  implementation: Implementation<Interface<M>>,
): Service<M> {
  if (!isInterface(target)) throw new InvalidArgument('service(): give it what defineInterface() made');
  if (typeof implementation !== 'object' || implementation === null) {
    throw new InvalidArgument(`service(${target.name}): give it an object with a function for each method and stream`);
  }
  return new Service(target, implementation);
}
