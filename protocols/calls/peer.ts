import { channel as diagnosticsChannel } from 'node:diagnostics_channel';
import type { CallHandler } from '../call-port.js';
import type { Channel } from '../channel.js';
import { defer } from '../deferred.js';
import { InvalidArgument, PeerGone, ProtocolError, type SallyportError } from '../errors.js';
import type { Frame } from '../frame.js';
import { hashOf } from '../schema/description.js';
import type { AnyInterface, Interface, Members } from '../schema/interface.js';
import { isInterface } from '../schema/interface.js';
import type { CallOptions, Implementation, Remote } from '../schema/members.js';
import { Tag, tagName } from '../tags.js';
import { Imports } from './imports.js';
import { IncomingCalls } from './incoming-calls.js';
import { callLimits, OUTCOME_PATIENCE } from './limits.js';
import { Link } from './link.js';
import { Loop } from './loop.js';
import { offerPeers } from './offer.js';
import { Parts } from './parts.js';
import { callBlocking } from './remote.js';
import { Service, service } from './service.js';
import { Serving } from './serving.js';

export interface PeerOptions {
  /** Served from the first moment. */
  readonly services?: readonly Service[];
  /** How the peer's process ended, for the PeerGone of pending calls. It never rejects. */
  readonly outcome?: Promise<unknown>;
  /** How long it is waited for, once the channel has ended. Milliseconds. */
  readonly outcomePatience?: number;
}

export interface Share {
  readonly used: number;
  readonly limit: number;
}

/** What calls use up on one channel. Bytes and fds are those of inputs of calls in flight. */
export interface Usage {
  readonly made: { readonly calls: Share; readonly bytes: Share; readonly fds: Share };
  readonly served: { readonly calls: Share; readonly bytes: Share; readonly fds: Share };
  /** Remotes that this side holds, and that the other side holds of this one's. */
  readonly remotes: { readonly held: Share; readonly given: Share };
  /** Of connect(), at a time: this side's, and the other's. */
  readonly connections: { readonly made: Share; readonly served: Share };
  /** Bytes that wait to be sent. */
  readonly queued: Share;
  /** Bytes of shared memory that this side has mapped; beyond the limit, only those of open buffers. */
  readonly mapped: Share;
}

const handlerErrors = diagnosticsChannel('sallyport:handler-error');

/** One side of calls over a channel; both sides are alike. */
export class Peer {
  /** Resolves with the reason once no call can be made any more. */
  readonly closed: Promise<SallyportError>;
  readonly #imports: Imports;
  readonly #incoming: IncomingCalls;
  readonly #serving: Serving;
  readonly #link: Link;
  readonly #parts: Parts;
  readonly #outcome: Promise<unknown> | undefined;
  readonly #outcomePatience: number;
  readonly #table: ReadonlyMap<number, (frame: Frame) => void>;

  /** @internal */
  constructor(channel: Channel, { services = [], outcome, outcomePatience = OUTCOME_PATIENCE }: PeerOptions = {}) {
    this.#outcome = outcome;
    this.#outcomePatience = outcomePatience;
    const handler: CallHandler = {
      onFrame: (frame) => this.#onFrame(frame),
      onDrain: () => this.#onDrain(),
      onStartUpOver: () => {
        this.#incoming.startUpOver();
        this.#imports.calls.startUpOver();
      },
      onEnd: (reason) => this.#onEnd(reason),
    };
    const port = channel.carryCalls(handler);
    const onError = (error: unknown, member: string): void => {
      if (handlerErrors.hasSubscribers) handlerErrors.publish({ error, member });
    };
    const loop = new Loop(port.fds, (inner) => new Peer(inner));
    this.#imports = new Imports(
      (source) => new Link(port, source),
      onError,
      (own) => loop.remoteOf(own),
    );
    this.#link = this.#imports.link;
    this.#parts = new Parts(port.limits.maxMessage);
    this.#incoming = new IncomingCalls(this.#link, onError);
    this.#serving = new Serving(this.#link, this.#incoming);
    this.#table = this.#makeTable();
    this.closed = channel.closed;
    for (const each of services) this.#serving.serve(each);
  }

  /**
   * Answers the other side's calls of this interface. What it is given has been decoded and checked; what arrives with it,
   * fds, buffers and remotes, is the handler's.
   */
  serve<M extends Members>(target: Interface<M>, implementation: Implementation<Interface<M>>): Service<M> {
    const made = service(target, implementation);
    this.#serving.serve(made);
    return made;
  }

  /** Calls the interface that the other side serves. It does not wait; where the sides differ, the first call says so. */
  connect<M extends Members>(target: Interface<M>): Remote<Interface<M>> {
    if (!isInterface(target)) throw new InvalidArgument('connect(): give it what defineInterface() made');
    return this.#imports.connect(target) as Remote<Interface<M>>;
  }

  /** @internal For the sandboxee alone: see `Gate.callSync`. */
  callSync<Input extends readonly [input?: unknown, options?: CallOptions], Output>(
    method: (...given: Input) => Promise<Output>,
    ...[input, options]: Input
  ): Output {
    return callBlocking(method, input, options) as Output;
  }

  /** @internal One more reference for the other side, which is told its id by other means. */
  lend(each: Service): number {
    return this.#link.exports.add(each);
  }

  /** @internal The other side's `lend`. */
  adopt(id: number, target: AnyInterface): Disposable {
    return this.#imports.adopt(id, target);
  }

  usage(): Usage {
    const share = (used: number, limit: number): Share => ({ used, limit });
    const of = ({ count, bytes, fds }: { count: number; bytes: number; fds: number }) => ({
      calls: share(count, callLimits.calls),
      bytes: share(bytes, callLimits.bytes),
      fds: share(fds, callLimits.fds),
    });
    return {
      made: of(this.#imports.calls),
      served: of(this.#incoming),
      remotes: {
        held: share(this.#imports.held, callLimits.remotes),
        given: share(this.#link.exports.references, callLimits.remotes),
      },
      connections: {
        made: share(this.#imports.bindings, callLimits.bindings),
        served: share(this.#link.exports.bindings, callLimits.bindings),
      },
      queued: share(this.#link.port.queued, this.#link.port.limits.sendMax),
      mapped: this.#link.port.mapped,
    };
  }

  #onFrame(frame: Frame): void {
    const take = this.#table.get(frame.tag);
    if (take === undefined) throw new ProtocolError(`the peer sent ${tagName(frame.tag)}, which is nothing of a call`);
    take(frame);
  }

  /** Every frame of calls, and who takes it. */
  #makeTable(): ReadonlyMap<number, (frame: Frame) => void> {
    const { attachments } = this.#link;
    const [imports, incoming, serving] = [this.#imports, this.#incoming, this.#serving];
    return new Map<number, (frame: Frame) => void>([
      [Tag.AttachFd, (frame) => attachments.add(frame)],
      [Tag.AttachBuffer, (frame) => attachments.add(frame)],
      [Tag.AttachDrop, () => attachments.drop()],
      [Tag.Connect, (frame) => serving.onConnect(frame)],
      [Tag.Connected, (frame) => imports.onConnected(word(frame, 0))],
      [Tag.Refused, (frame) => imports.onRefused(frame)],
      [Tag.Call, (frame) => incoming.onCall(frame)],
      [Tag.Return, (frame) => imports.calls.onReturn(frame)],
      [Tag.Fail, (frame) => imports.calls.onFail(frame)],
      [Tag.Cancel, (frame) => incoming.onCancel(word(frame, 0))],
      [Tag.Item, (frame) => imports.calls.onItem(frame)],
      [Tag.Credit, (frame) => incoming.onCredit(word(frame, 0), word(frame, 1), word(frame, 2))],
      [Tag.Event, (frame) => imports.onEvent(frame)],
      [Tag.Listen, (frame) => serving.onListen(word(frame, 0), word(frame, 1))],
      [Tag.EventsEnded, (frame) => imports.onEventsEnded(frame)],
      [Tag.Release, (frame) => serving.onRelease(word(frame, 0))],
      [Tag.Part, (frame) => this.#onPart(frame)],
    ]);
  }

  #onPart(frame: Frame): void {
    if (this.#imports.calls.count === 0)
      throw new ProtocolError('the peer sent a part of an answer, and no call is in flight');
    const answer = this.#parts.add(frame);
    if (answer !== null) this.#imports.calls.onReturn(answer);
  }

  #onDrain(): void {
    // Events, and then what is large.
    this.#serving.drain();
    this.#link.port.goOn();
    this.#incoming.drain();
  }

  #onEnd(reason: SallyportError): void {
    this.#incoming.end(reason);
    this.#parts.clear();
    this.#link.end();
    this.#imports.end(this.#whatToTell(reason));
  }

  /** The end of the channel comes before the end of the process, whose result is what callers want to know. */
  async #whatToTell(reason: SallyportError): Promise<SallyportError> {
    const isViolation = reason instanceof ProtocolError;
    if (!isViolation && !(reason instanceof PeerGone)) return reason;
    const message = isViolation ? `the peer broke the protocol: ${reason.message}` : reason.message;
    return new PeerGone(message, await this.#outcomeSoon(), isViolation ? { cause: reason } : undefined);
  }

  async #outcomeSoon(): Promise<unknown> {
    if (this.#outcome === undefined) return undefined;
    const patience = defer<undefined>();
    const timer = setTimeout(() => patience.resolve(undefined), this.#outcomePatience);
    try {
      return await Promise.race([this.#outcome, patience.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function word({ bytes, start }: Frame, index: number): number {
  return bytes.readUInt32LE(start + 4 * index);
}

offerPeers({
  makePeer(channel, options) {
    // The first hash looks up its implementation, which nobody can behind a gate.
    hashOf('');
    return new Peer(channel, options);
  },
  isService: (value) => value instanceof Service,
});
