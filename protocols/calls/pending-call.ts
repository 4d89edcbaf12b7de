import { type Deferred, defer, markHandled } from '../deferred.js';
import type { NamedMember } from '../schema/interface.js';
import { readMessage } from '../schema/message.js';
import type { Reader } from '../schema/reader.js';
import type { Binding } from './binding.js';
import { Pending, type PendingOwner } from './pending.js';

/** The call of a method, however its answer is waited for. */
export abstract class MethodCall extends Pending {
  readonly #member: Extract<NamedMember, { kind: 'method' }>;

  constructor(
    id: number,
    binding: Binding,
    signal: AbortSignal | undefined,
    owner: PendingOwner,
    member: Extract<NamedMember, { kind: 'method' }>,
  ) {
    super(id, binding, member.path, signal, owner);
    this.#member = member;
  }

  get errors(): readonly string[] {
    return this.#member.errors;
  }

  onReturn(reader: Reader): void {
    const value = readMessage(this.#member.output, reader, 'an output of ', this.name);
    this.settle();
    this.resolve(value);
  }

  protected abstract resolve(value: unknown): void;
}

export class PendingCall extends MethodCall {
  readonly #answer: Deferred<unknown> = defer();

  get promise(): Promise<unknown> {
    return this.#answer.promise;
  }

  protected resolve(value: unknown): void {
    this.#answer.resolve(value);
  }

  protected reject(error: unknown): void {
    // Its moment is the peer's to choose: nobody may be waiting yet.
    markHandled(this.#answer.promise);
    this.#answer.reject(error);
  }
}

/** One whose caller blocks until it has an outcome. */
export class BlockingCall extends MethodCall {
  outcome: { readonly value: unknown } | { readonly error: unknown } | null = null;

  protected resolve(value: unknown): void {
    this.outcome = { value };
  }

  protected reject(error: unknown): void {
    this.outcome = { error };
  }
}
