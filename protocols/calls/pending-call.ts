import { type Deferred, defer, markHandled } from '../deferred.js';
import type { NamedMember } from '../schema/interface.js';
import { readMessage } from '../schema/message.js';
import type { Reader } from '../schema/reader.js';
import type { Binding } from './binding.js';
import { Pending, type PendingOwner } from './pending.js';

/** The call of a method. */
export class PendingCall extends Pending {
  readonly #member: Extract<NamedMember, { kind: 'method' }>;
  readonly #answer: Deferred<unknown> = defer();

  constructor(
    id: number,
    binding: Binding,
    name: string,
    signal: AbortSignal | undefined,
    owner: PendingOwner,
    member: Extract<NamedMember, { kind: 'method' }>,
  ) {
    super(id, binding, name, signal, owner);
    this.#member = member;
  }

  get errors(): readonly string[] {
    return this.#member.errors;
  }

  get promise(): Promise<unknown> {
    return this.#answer.promise;
  }

  onReturn(reader: Reader): void {
    const value = readMessage(this.#member.output, reader, `${this.name} an output`);
    this.settle();
    this.#answer.resolve(value);
  }

  protected reject(error: unknown): void {
    // Its moment is the peer's to choose: nobody may be waiting yet.
    markHandled(this.#answer.promise);
    this.#answer.reject(error);
  }
}
