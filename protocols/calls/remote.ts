import type { AnyInterface } from '../schema/interface.js';
import type { CallOptions } from '../schema/members.js';
import type { Binding } from './binding.js';
import { EventHub } from './event-hub.js';
import type { OutgoingCalls } from './outgoing-calls.js';

export interface RemotePort {
  readonly calls: OutgoingCalls;
  listen(binding: Binding, ordinal: number, hub: EventHub, isListening: boolean): void;
  release(binding: Binding): void;
  onError(error: unknown, member: string): void;
}

/** A plain object with a function for each member: no Proxy, so that nothing but what the interface names can be asked of it. */
export function makeRemote(binding: Binding, port: RemotePort): Disposable {
  const target: AnyInterface = binding.interface;
  const remote: Record<PropertyKey, unknown> = {
    [Symbol.dispose]: () => port.release(binding),
  };
  for (const [ordinal, member] of target.table.entries()) {
    switch (member.kind) {
      case 'method':
        remote[member.name] = (input?: unknown, options?: CallOptions) =>
          port.calls.call(binding, ordinal, member, input, options);
        break;
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
  return Object.freeze(remote) as typeof remote & Disposable;
}
