import { InvalidArgument, ProtocolError } from '../errors.js';
import type { Frame } from '../frame.js';
import { Tag } from '../tags.js';
import { Refusal } from './imports.js';
import type { IncomingCalls } from './incoming-calls.js';
import { MOST_DESCRIPTION, SERVE_PATIENCE } from './limits.js';
import type { Link } from './link.js';
import { Service } from './service.js';
import { Subscription } from './subscription.js';
import type { Target } from './target.js';

/** `{u32 binding, 32 bytes of hash, u8 length, name}` */
const CONNECT_HEAD = 37;

/** What this side serves by name, who has connected to it, and who listens. */
export class Serving {
  readonly #link: Link;
  readonly #calls: IncomingCalls;
  readonly #services = new Map<string, Service>();

  constructor(link: Link, calls: IncomingCalls) {
    this.#link = link;
    this.#calls = calls;
  }

  serve(service: Service): void {
    if (!(service instanceof Service)) throw new InvalidArgument('services are made by service(I, implementation)');
    const { name } = service.interface;
    if (this.#services.has(name)) throw new InvalidArgument(`${name} is served already`);
    this.#services.set(name, service);
    for (const target of this.#link.exports.targets) {
      if (target.name === name && target.hash !== null) this.#settle(target, service);
    }
  }

  onConnect({ bytes, start, end }: Frame): void {
    const length = bytes[start + CONNECT_HEAD - 1] ?? 0;
    const name = bytes.toString('latin1', start + CONNECT_HEAD, end);
    if (name.length !== length || !/^[\w@./-]+$/.test(name))
      throw new ProtocolError('the peer sent a malformed connect');
    const target = this.#link.exports.bind(bytes.readUInt32LE(start), name);
    target.hash = Buffer.from(bytes.subarray(start + 4, start + 36));
    const service = this.#services.get(name);
    if (service !== undefined) this.#settle(target, service);
    else target.patience = setTimeout(() => this.#refuse(target, Refusal.NotServed, ''), SERVE_PATIENCE).unref();
  }

  /** `{u32 target, u32 2 × ordinal + 1 where it begins}` */
  onListen(id: number, word: number): void {
    const target = this.#link.exports.find(id);
    const [ordinal, isListening] = [word >>> 1, word % 2 === 1];
    if (this.#link.phase !== 'open') throw new ProtocolError('the peer listens before go');
    if (target.isRefused) return;
    if (target.service === null) {
      // Of an interface that is not known yet, so that neither is how many events it has.
      if (ordinal >= 1024) throw new ProtocolError(`the peer listens to member ${ordinal}`);
      if (isListening) target.wanted.add(ordinal);
      else target.wanted.delete(ordinal);
      return;
    }
    if (isListening) this.#subscribe(target, target.service, ordinal);
    else {
      target.subscriptions.get(ordinal)?.close();
      target.subscriptions.delete(ordinal);
    }
  }

  onRelease(id: number): void {
    const target = this.#link.exports.find(id);
    this.#link.exports.release(id);
    // Its calls are answered all the same: each has its place among those in flight.
    if (target.service !== null || target.waiting.length === 0) return;
    target.isRefused = true;
    this.#calls.release(target);
  }

  drain(): void {
    for (const { subscriptions } of this.#link.exports.targets) {
      for (const subscription of subscriptions.values()) subscription.drain();
    }
  }

  #settle(target: Target, service: Service): void {
    const isSame = target.hash?.equals(service.interface.hash) === true;
    if (!isSame) {
      this.#refuse(target, Refusal.Differs, service.interface.description);
      return;
    }
    clearTimeout(target.patience);
    target.hash = null;
    target.service = service;
    this.#link.simple(Tag.Connected, target.id);
    for (const ordinal of target.wanted) this.#subscribe(target, service, ordinal);
    target.wanted.clear();
    try {
      this.#calls.release(target);
    } catch (error) {
      // What waited is decoded only now, and not in the turn of the frame that brought it.
      this.#link.port.violate(error);
    }
  }

  #refuse(target: Target, reason: number, description: string): void {
    clearTimeout(target.patience);
    target.hash = null;
    target.isRefused = true;
    const text = Buffer.alloc(MOST_DESCRIPTION);
    const { written } = new TextEncoder().encodeInto(description, text);
    const head = Buffer.alloc(5);
    head.writeUInt32LE(target.id, 0);
    head[4] = reason;
    this.#link.quietly(Tag.Refused, Buffer.concat([head, text.subarray(0, written)]));
    this.#calls.release(target);
  }

  #subscribe(target: Target, service: Service, ordinal: number): void {
    const member = service.interface.table[ordinal];
    if (member?.kind !== 'event') throw new ProtocolError(`the peer listens to member ${ordinal} of ${target.name}`);
    if (target.subscriptions.has(ordinal)) return;
    const { overflow, window } = member;
    target.subscriptions.set(ordinal, new Subscription(this.#link, target.id, ordinal, service, overflow, window));
  }
}
