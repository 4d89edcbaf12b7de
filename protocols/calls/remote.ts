import { InvalidArgument } from '../errors.js';
import { type Exportable, makePassable, type RemoteSource } from '../schema/handles.js';
import type { AnyInterface } from '../schema/interface.js';
import type { CallOptions } from '../schema/members.js';
import type { Binding } from './binding.js';
import { EventHub } from './event-hub.js';
import type { MethodMember, OutgoingCalls } from './outgoing-calls.js';

export interface RemotePort {
  /** Which side's these are. */
  readonly source: RemoteSource;
  readonly calls: OutgoingCalls;
  listen(binding: Binding, ordinal: number, hub: EventHub, isListening: boolean): void;
  release(binding: Binding): void;
  /** Another binding of the same thing, to be released like any. */
  share(binding: Binding, onReleased?: () => void): Binding;
  onError(error: unknown, member: string): void;
}

/** A remote as something to be passed on, which moves it. */
export class Passable implements Exportable {
  readonly binding: Binding;
  readonly port: RemotePort;

  constructor(binding: Binding, port: RemotePort) {
    this.binding = binding;
    this.port = port;
  }

  get interface(): AnyInterface {
    return this.binding.interface;
  }

  /** Throws where there is nothing to pass. */
  check(): void {
    const { refusal, isConnected } = this.binding;
    if (refusal !== null) throw refusal;
    if (isConnected) return;
    throw new InvalidArgument(
      `the remote of ${this.interface.name} is not connected yet: await a call of it, then pass it`,
    );
  }

  /** It has been passed. */
  letGo(): void {
    this.port.release(this.binding);
  }
}

interface Called {
  readonly calls: OutgoingCalls;
  readonly binding: Binding;
  readonly ordinal: number;
  readonly member: MethodMember;
}

const methods = new WeakMap<object, Called>();

/** Calls a method of a remote, and blocks until it is answered. */
export function callBlocking(method: object, input: unknown, options: CallOptions | undefined): unknown {
  const called = methods.get(method);
  if (called === undefined) throw new InvalidArgument('callSync(): give it a method of a remote, such as files.read');
  const { calls, binding, ordinal, member } = called;
  return calls.callBlocking(binding, ordinal, member, input, options);
}

/** A plain object with a function for each member: no Proxy, so that nothing but what the interface names can be asked of it. */
export function makeRemote(binding: Binding, port: RemotePort): Disposable {
  const target: AnyInterface = binding.interface;
  const remote: Record<PropertyKey, unknown> = {
    [Symbol.dispose]: () => port.release(binding),
  };
  for (const [ordinal, member] of target.table.entries()) {
    switch (member.kind) {
      case 'method': {
        const method = (input?: unknown, options?: CallOptions) =>
          port.calls.call(binding, ordinal, member, input, options);
        methods.set(method, { calls: port.calls, binding, ordinal, member });
        remote[member.name] = method;
        break;
      }
      case 'stream':
        remote[member.name] = (input?: unknown, options?: CallOptions) =>
          port.calls.stream(binding, ordinal, member, input, options);
        break;
      case 'event': {
        const hub: EventHub = new EventHub(
          {
            listen: (isListening) => port.listen(binding, ordinal, hub, isListening),
            onError: (error) => port.onError(error, member.name),
          },
          member,
        );
        binding.hubs.set(ordinal, hub);
        remote[member.name] = hub;
        break;
      }
    }
  }
  makePassable(remote, new Passable(binding, port));
  return Object.freeze(remote) as typeof remote & Disposable;
}
