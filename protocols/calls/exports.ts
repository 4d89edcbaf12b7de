import { LimitExceeded, ProtocolError } from '../errors.js';
import { END_OF_PASSED } from './given-back.js';
import { callLimits, FIRST_BINDING } from './limits.js';
import type { Service } from './service.js';
import { Target } from './target.js';

/** What the peer may call: what it connected to, and the services that were passed to it. */
export class Exports {
  readonly #targets = new Map<number, Target>();
  readonly #passed = new Map<Service, Target>();
  #lastId = 0;
  #lastBinding = FIRST_BINDING - 1;
  #bindings = 0;
  /** References that the peer holds of services that were passed. */
  references = 0;

  get targets(): Iterable<Target> {
    return this.#targets.values();
  }

  /** Connections of the peer's. */
  get bindings(): number {
    return this.#bindings;
  }

  /** An id that the peer names, which must be of something that it holds. */
  find(id: number): Target {
    const target = this.#targets.get(id);
    if (target === undefined) throw new ProtocolError(`the peer named remote ${id}, which it does not hold`);
    return target;
  }

  /** One more reference that is about to be sent. */
  add(service: Service): number {
    if (this.references >= callLimits.remotes) {
      throw new LimitExceeded('remotes', this.references + 1, callLimits.remotes, 'the peer holds too many remotes');
    }
    const isNew = !this.#passed.has(service);
    if (isNew && this.#lastId + 1 >= END_OF_PASSED) {
      throw new LimitExceeded('remotes ever', END_OF_PASSED, END_OF_PASSED - 1, 'pass the same service again');
    }
    this.references++;
    const found = this.#passed.get(service);
    if (found !== undefined) {
      found.references++;
      return found.id;
    }
    this.#lastId++;
    const target = new Target(this.#lastId, service.interface.name, service);
    this.#passed.set(service, target);
    this.#targets.set(target.id, target);
    return target.id;
  }

  /** Ids of bindings are the peer's to choose, each once and in order, so that a call can follow without waiting. */
  bind(id: number, name: string): Target {
    if (id <= this.#lastBinding || id < FIRST_BINDING)
      throw new ProtocolError(`the peer connects as ${id}, which it used`);
    if (this.#bindings >= callLimits.bindings || id - FIRST_BINDING >= callLimits.bindingsEver) {
      throw new ProtocolError(`the peer connects more than ${callLimits.bindings} times at once`);
    }
    this.#lastBinding = id;
    this.#bindings++;
    const target = new Target(id, name, null);
    this.#targets.set(id, target);
    return target;
  }

  release(id: number): void {
    const target = this.find(id);
    const isBinding = id >= FIRST_BINDING;
    if (isBinding) this.#bindings--;
    else this.references--;
    target.references--;
    if (target.references > 0) return;
    this.#targets.delete(id);
    target.close();
    if (isBinding || target.service === null) return;
    this.#passed.delete(target.service);
    target.service.unheld();
  }

  /** A reference that could not be sent after all; the channel may have ended by that. */
  takeBack(id: number): void {
    if (this.#targets.has(id)) this.release(id);
  }

  clear(): void {
    for (const target of this.#targets.values()) target.close();
    this.#targets.clear();
    const passed = [...this.#passed.keys()];
    this.#passed.clear();
    for (const service of passed) service.unheld();
    this.references = 0;
    this.#bindings = 0;
  }
}
