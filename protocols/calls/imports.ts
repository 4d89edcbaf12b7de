import { ClosedError, InterfaceMismatch, LimitExceeded, ProtocolError, RemoteError } from '../errors.js';
import type { Frame } from '../frame.js';
import { describeDifference } from '../schema/description.js';
import type { RemoteSource } from '../schema/handles.js';
import type { AnyInterface } from '../schema/interface.js';
import { readMessage } from '../schema/message.js';
import { Reader } from '../schema/reader.js';
import { Tag } from '../tags.js';
import { decodeUtf8 } from '../utf8.js';
import { Binding, type Uses } from './binding.js';
import type { EventHub } from './event-hub.js';
import { Forward } from './forward.js';
import { END_OF_PASSED, isGivenBack, ownId } from './given-back.js';
import { callLimits, FIRST_BINDING } from './limits.js';
import type { Link } from './link.js';
import { OutgoingCalls } from './outgoing-calls.js';
import { makeRemote, type RemotePort } from './remote.js';
import type { Service } from './service.js';

/** `{u32 target, u32 ordinal}` */
const EVENT_HEAD = 8;

/** Why a connection was refused. */
export const Refusal = { NotServed: 0, Differs: 1 } as const;

interface Dropped {
  readonly owner: WeakRef<Imports>;
  readonly id: number;
  readonly uses: Uses;
  readonly onReleased: (() => void) | null;
}

// A belt for those who forget to dispose. The registered object is held by every method of its remote, and by every call.
const dropped = new FinalizationRegistry<Dropped>((gone) => {
  gone.onReleased?.();
  gone.owner.deref()?.letGo(gone);
});

/** What is held of the other side's: remotes that it passed, and those of connect(). */
export class Imports implements RemoteSource {
  readonly #link: Link;
  readonly #port: RemotePort;
  readonly #onError: (error: unknown, member: string) => void;
  readonly calls: OutgoingCalls;
  readonly #released = new WeakSet<Binding>();
  readonly #connecting = new Map<number, Binding>();
  readonly #listening = new Map<string, Set<EventHub>>();
  readonly #ownRemote: (service: Service) => Disposable;
  #held = 0;
  /** Given back, and not of this side itself. */
  #returned = 0;
  #bindings = 0;
  #lastBinding = FIRST_BINDING - 1;
  #ended: { readonly reason: Promise<unknown> } | null = null;

  /** @param ownRemote makes a remote of a service of this side's */
  constructor(
    makeLink: (source: RemoteSource) => Link,
    onError: (error: unknown, member: string) => void,
    ownRemote: (service: Service) => Disposable,
  ) {
    this.#ownRemote = ownRemote;
    this.#link = makeLink(this);
    this.calls = new OutgoingCalls(this.#link);
    this.#onError = onError;
    this.#port = {
      calls: this.calls,
      listen: (binding, ordinal, hub, isListening) => this.#listen(binding, ordinal, hub, isListening),
      release: (binding) => this.#release(binding),
      share: (binding, onReleased) => this.#share(binding, onReleased),
      source: this,
      onError: (error, member) => this.#onError(error, member),
    };
  }

  get link(): Link {
    return this.#link;
  }

  /** Remotes that are held, those of connect() not counted. */
  get held(): number {
    return this.#held;
  }

  get bindings(): number {
    return this.#bindings;
  }

  /** Sends what it wants and its hash, and does not wait: calls may follow at once. */
  connect(target: AnyInterface): Disposable {
    if (this.#bindings >= callLimits.bindings) {
      throw new LimitExceeded('bindings', this.#bindings + 1, callLimits.bindings, 'dispose of remotes of connect()');
    }
    const id = this.#lastBinding + 1;
    if (id - FIRST_BINDING >= callLimits.bindingsEver) {
      throw new LimitExceeded(
        'bindingsEver',
        id - FIRST_BINDING + 1,
        callLimits.bindingsEver,
        'connect once, and keep the remote',
      );
    }
    this.#lastBinding = id;
    const binding = new Binding(id, target, false);
    const name = Buffer.from(target.name, 'latin1');
    const head = Buffer.alloc(37);
    head.writeUInt32LE(id, 0);
    target.hash.copy(head, 4);
    head[36] = name.length;
    if (this.#ended === null) {
      this.#bindings++;
      this.#connecting.set(id, binding);
      this.#link.quietly(Tag.Connect, Buffer.concat([head, name]));
    }
    return makeRemote(binding, this.#port);
  }

  adopt(id: number, target: AnyInterface): Disposable {
    if (isGivenBack(id)) return this.#takeBack(ownId(id), target);
    if (id === 0 || id >= END_OF_PASSED) throw new ProtocolError(`the peer passed remote ${id}, which can be none`);
    if (this.#held >= callLimits.remotes)
      throw new ProtocolError(`the peer passed more than ${callLimits.remotes} remotes`);
    this.#held++;
    const binding = new Binding(id, target, true);
    this.#register(binding);
    return makeRemote(binding, this.#port);
  }

  /** One that came with a message that nobody took. */
  release(id: number): void {
    if (this.#ended === null && !isGivenBack(id)) this.#link.simple(Tag.Release, id);
  }

  /** @internal One remote fewer stands for this reference, by disposal or because it was forgotten. */
  letGo({ id, uses }: Pick<Dropped, 'id' | 'uses'>): void {
    uses.count--;
    if (uses.count > 0 || this.#ended !== null) return;
    if (id < FIRST_BINDING) this.#held--;
    else this.#bindings--;
    this.#link.simple(Tag.Release, id);
  }

  onConnected(id: number): void {
    const binding = this.#connecting.get(id);
    if (binding === undefined) throw new ProtocolError(`the peer answered connection ${id}, which is not open`);
    this.#connecting.delete(id);
    binding.isConnected = true;
  }

  onRefused(frame: Frame): void {
    const id = frame.bytes.readUInt32LE(frame.start);
    const binding = this.#connecting.get(id);
    this.onConnected(id);
    if (binding === undefined) return;
    const { name, description } = binding.interface;
    const theirs = decodeUtf8(frame.bytes, frame.start + 5, frame.end);
    const isServed = frame.bytes[frame.start + 4] === Refusal.Differs;
    this.calls.refuse(
      binding,
      isServed
        ? new InterfaceMismatch(name, describeDifference(description, theirs))
        : new RemoteError('unavailable', name, 'the other side does not serve it'),
    );
    for (const hub of binding.hubs.values()) hub.end(binding.refusal);
  }

  /** An event that crossed the end of the listening is for nobody. */
  onEvent(frame: Frame): void {
    const hubs = this.#listening.get(keyOf(frame));
    const [first] = hubs ?? [];
    if (hubs === undefined || first === undefined) return;
    const reader = new Reader();
    reader.open(frame.bytes, frame.start + EVENT_HEAD, frame.end, frame.owned, null);
    const value = readMessage(first.type, reader, 'the event ', first.name);
    for (const hub of hubs) hub.deliver(value);
  }

  onEventsEnded(frame: Frame): void {
    const key = keyOf(frame);
    const hubs = this.#listening.get(key);
    this.#listening.delete(key);
    for (const hub of hubs ?? [])
      hub.end(new LimitExceeded('events', 1, 0, 'events were sent faster than they could be taken'));
  }

  end(reason: Promise<unknown>): void {
    this.#ended = { reason };
    this.#connecting.clear();
    this.#held = 0;
    this.#bindings = 0;
    const hubs = [...this.#listening.values()].flatMap((set) => [...set]);
    this.#listening.clear();
    void reason.then((error) => {
      for (const hub of hubs) hub.end(error);
    });
    this.calls.end(reason);
  }

  #listen(binding: Binding, ordinal: number, hub: EventHub, isListening: boolean): void {
    if (binding.refusal !== null) {
      hub.end(binding.refusal);
      return;
    }
    if (this.#ended !== null) {
      void this.#ended.reason.then((error) => hub.end(error));
      return;
    }
    const key = `${binding.id}/${ordinal}`;
    const hubs = this.#listening.get(key) ?? new Set();
    if (isListening) hubs.add(hub);
    else if (!hubs.delete(hub)) return;
    if (isListening && hubs.size === 1) {
      this.#listening.set(key, hubs);
      this.#link.simple(Tag.Listen, binding.id, ordinal * 2 + 1);
    }
    if (hubs.size > 0) return;
    this.#listening.delete(key);
    this.#link.simple(Tag.Listen, binding.id, ordinal * 2);
  }

  #release(binding: Binding): void {
    if (this.#released.has(binding)) return;
    this.#released.add(binding);
    const closed = new ClosedError(`the remote of ${binding.interface.name} was disposed of`);
    for (const hub of binding.hubs.values()) hub.stop(closed);
    binding.refusal ??= closed;
    dropped.unregister(binding);
    binding.onReleased?.();
    this.letGo(binding);
  }

  #share(binding: Binding, onReleased: (() => void) | null = null): Binding {
    binding.uses.count++;
    const sibling = new Binding(binding.id, binding.interface, true, binding.uses, onReleased);
    sibling.refusal = binding.refusal;
    this.#register(sibling);
    return sibling;
  }

  /** The peer passes what it has from here: a service of this side's, or what was passed on to it. */
  #takeBack(id: number, type: AnyInterface): Disposable {
    const { service, name } = this.#link.exports.find(id);
    if (service === null || service.interface !== type)
      throw new ProtocolError(`the peer gave back a remote of ${name} for one of ${type.name}`);
    if (!(service instanceof Forward)) return this.#ownRemote(service);
    if (this.#returned >= callLimits.remotes)
      throw new ProtocolError(`the peer gave back more than ${callLimits.remotes} remotes`);
    this.#returned++;
    return service.again(() => {
      this.#returned--;
    });
  }

  #register(binding: Binding): void {
    const { id, uses, onReleased } = binding;
    dropped.register(binding, { owner: new WeakRef(this), id, uses, onReleased }, binding);
  }
}

function keyOf({ bytes, start }: Frame): string {
  return `${bytes.readUInt32LE(start)}/${bytes.readUInt32LE(start + 4)}`;
}
