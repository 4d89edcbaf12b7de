import { InvalidArgument } from '../errors.js';
import { KiB } from '../units.js';
import { type AnyType, type Fields, type FieldsIn, type FieldsOut, record, requireType } from './containers.js';
import type { Interface, Members } from './interface.js';
import { type Infer, type InferInput, makeType, type Type } from './type.js';
import { requireMaximum } from './variable.js';

/** Fields of a record, or one type; nothing where a method takes or gives nothing. */
export type Shape = Fields | AnyType | undefined;

/** Nothing at all, as a handler without a `return` gives it. */
type None = ReturnType<() => void>;

export type ShapeIn<S extends Shape> = S extends AnyType ? InferInput<S> : S extends Fields ? FieldsIn<S> : None;
export type ShapeOut<S extends Shape> = S extends AnyType ? Infer<S> : S extends Fields ? FieldsOut<S> : None;

export interface CallOptions {
  /** Rejects the call at once with its reason, and tells the other side. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; of a stream, for each of its items. Infinity for none. */
  readonly timeout?: number | undefined;
}

/** What a handler is told of its call. */
export interface Context<Code extends string = string> {
  /** Aborted when the caller gives up or is gone. */
  readonly signal: AbortSignal;
  /** To be thrown: a failure that the interface declares. It crosses as its code and message, without a stack. */
  fail(code: Code, message?: string): Error;
  /** The peer did what no honest one does: its channel is closed, and in the broker its process tree is killed. */
  hostile(reason: string): never;
}

/** Events from the other side. They are not buffered for whoever does not listen. */
export interface EventSource<Value> extends AsyncIterable<Value> {
  /** Calls the listener for each event, in order, until it is disposed of. */
  on(listener: (value: Value) => void): Disposable;
}

/** Items from the other side, for one reader. What is not read is not sent: the other side waits. */
export interface RemoteStream<Item> extends AsyncIterable<Item>, Disposable {
  /** The same items. Cancelling it cancels the stream. */
  toReadable(): ReadableStream<Item>;
  /** Tells the other side to stop. Idempotent. */
  cancel(): void;
}

export type StreamSource<Item> = AsyncIterable<Item> | Iterable<Item>;

/** Its second type parameter is what the member is to whoever calls it, the third to whoever serves it. */
export interface Member<Kind extends 'method' | 'event' | 'stream', Caller = unknown, Server = unknown> {
  readonly kind: Kind;
  readonly text: () => string;
  readonly interfaces: AnyType['interfaces'];
  /** Only the type checker sees these. */
  readonly '~caller'?: Caller;
  readonly '~server'?: Server;
}

/** `start-up`: before go alone, while the sandboxee is still trusted and the broker's hook `started` runs. `open`: from go on. */
export type CallPhase = 'start-up' | 'open';

export interface Method<Caller = unknown, Server = unknown> extends Member<'method', Caller, Server> {
  readonly phase: CallPhase;
  readonly input: AnyType;
  readonly output: AnyType;
  readonly errors: readonly string[];
}

/**
 * A method written down as a type, for an interface that passes its own kind and so cannot be inferred.
 *
 * @typeParam Given what its handler returns for what arrives as `Out`; they differ for remotes
 */
export type MethodOf<In, Out, Given = Out> = Method<
  [In] extends [undefined]
    ? (input?: undefined, options?: CallOptions) => Promise<Out>
    : (input: In, options?: CallOptions) => Promise<Out>,
  (input: In, context: Context) => Given | Promise<Given>
> & { readonly errors: readonly string[] };

export type Overflow = 'latest' | 'drop-oldest' | 'error';

export interface Event<Caller = unknown, Server = unknown> extends Member<'event', Caller, Server> {
  readonly value: AnyType;
  readonly overflow: Overflow;
  /** Events that may wait, on either side. */
  readonly window: number;
}

export interface Stream<Caller = unknown, Server = unknown> extends Member<'stream', Caller, Server> {
  readonly input: AnyType;
  readonly item: AnyType;
  readonly errors: readonly string[];
  /** Items, and bytes, that may be sent and not yet read. */
  readonly window: number;
  readonly windowBytes: number;
}

export type AnyMember = Method | Event | Stream;

/** Where there is no input, the options may still be given second. */
type Call<I extends Shape, Result> = [I] extends [undefined]
  ? (input?: undefined, options?: CallOptions) => Result
  : (input: ShapeIn<I>, options?: CallOptions) => Result;

type ServerOf<M extends Members> = {
  readonly [K in keyof M as M[K] extends Event ? never : K]: NonNullable<M[K]['~server']>;
};
type EmittersOf<M extends Members> = {
  readonly [K in keyof M as M[K] extends Event ? K : never]: NonNullable<M[K]['~server']>;
};

/** The other side of an interface: methods, events and streams as plain properties. Dispose of it to let go of it. */
export type RemoteOf<M extends Members> = { readonly [K in keyof M]: NonNullable<M[K]['~caller']> } & Disposable;
/** What `connect` gives, and what arrives for a `t.remote`. */
export type Remote<I extends Interface<Members>> = RemoteOf<I['members']>;
/** What is to be written to serve an interface. */
export type Implementation<I extends Interface<Members>> = ServerOf<I['members']>;
/** The codes that a member of an interface may fail with. */
export type FailureCode<M extends { readonly errors: readonly string[] }> = M['errors'][number];

/** An implementation of an interface, ready to be served or passed as a capability. */
export interface ServiceOf<M extends Members> {
  readonly interface: Interface<M>;
  /** Sends an event to whoever listens. It never waits; what cannot be sent now goes by the event's overflow rule. */
  readonly emit: EmittersOf<M>;
}

export const nothing: Type<void> = makeType<void>({
  text: () => '{}',
  least: 0,
  write: () => {},
  read: () => undefined,
});

function typeOf(shape: Shape, where: string): AnyType {
  if (shape === undefined) return nothing;
  if (typeof shape !== 'object' || shape === null) throw new InvalidArgument(`${where} is neither a type nor fields`);
  if (!('~standard' in shape)) return record(shape as Fields);
  requireType(shape, where);
  return shape as AnyType;
}

interface MethodParts<I extends Shape, O extends Shape, E extends string> {
  readonly input?: I;
  readonly output?: O;
  /** The codes that a handler may fail with. */
  readonly errors?: readonly E[];
  /** When it may be called. Default `open`. */
  readonly phase?: CallPhase;
}

export function method<I extends Shape = undefined, O extends Shape = undefined, const E extends string = never>(
  parts: MethodParts<I, O, E> = {},
): Method<
  Call<I, Promise<ShapeOut<O>>>,
  (input: ShapeOut<I>, context: Context<E>) => ShapeIn<O> | Promise<ShapeIn<O>>
> & { readonly errors: readonly E[] } {
  const input = typeOf(parts.input, 'input');
  const output = typeOf(parts.output, 'output');
  const errors = codes(parts.errors);
  const { phase = 'open' } = parts;
  if (phase !== 'open' && phase !== 'start-up')
    throw new InvalidArgument("a method may be called in one phase: 'start-up' (before go) or 'open' (from go on)");
  const when = phase === 'open' ? '' : ` @ ${phase}`;
  return Object.freeze({
    kind: 'method' as const,
    text: () => `(${input.text()}) -> ${output.text()}${errors.length > 0 ? ` ! ${errors.join(' | ')}` : ''}${when}`,
    interfaces: [...input.interfaces, ...output.interfaces],
    input,
    output,
    errors,
    phase,
  });
}

export interface EventOptions {
  /**
   * What becomes of an event that cannot be sent, or taken, as fast as they come: only the `latest` waits, the `oldest` of a
   * window is dropped, or the listening ends with an `error`.
   */
  readonly overflow: Overflow;
  /** Events. Default 64; of `latest`, always 1. */
  readonly window?: number;
}

/** Data that is sent without being asked for: no fds, buffers or remotes. */
export function event<S extends Fields | AnyType>(
  shape: S,
  { overflow, window = 64 }: EventOptions,
): Event<EventSource<ShapeOut<S>>, (value: ShapeIn<S>) => void> {
  const value = typeOf(shape, 'the event');
  if (value.drop !== null || value.interfaces.length > 0) {
    throw new InvalidArgument('an event carries data alone: an fd, buffer or remote could be dropped on its way');
  }
  if (!['latest', 'drop-oldest', 'error'].includes(overflow)) {
    throw new InvalidArgument(
      "an event says what becomes of too many: { overflow: 'latest' | 'drop-oldest' | 'error' }",
    );
  }
  requireMaximum('event', window);
  const held = overflow === 'latest' ? 1 : window;
  return Object.freeze({
    kind: 'event' as const,
    text: () => `event ${value.text()} ${overflow}(${held})`,
    interfaces: [],
    value,
    overflow,
    window: held,
  });
}

interface StreamParts<I extends Shape, T extends Fields | AnyType, E extends string> {
  readonly input?: I;
  readonly item: T;
  readonly errors?: readonly E[];
  /** Items. Default 16. */
  readonly window?: number;
  /** Bytes. Default 256 KiB; one item may always be sent, whatever its size. */
  readonly windowBytes?: number;
}

export function stream<T extends Fields | AnyType, I extends Shape = undefined, const E extends string = never>(
  parts: StreamParts<I, T, E>,
): Stream<
  Call<I, RemoteStream<ShapeOut<T>>>,
  (input: ShapeOut<I>, context: Context<E>) => StreamSource<ShapeIn<T>> | Promise<StreamSource<ShapeIn<T>>>
> & { readonly errors: readonly E[] } {
  const { window = 16, windowBytes = 256 * KiB } = parts;
  requireMaximum('stream', window);
  requireMaximum('stream', windowBytes);
  const input = typeOf(parts.input, 'input');
  const item = typeOf(parts.item, 'item');
  const errors = codes(parts.errors);
  return Object.freeze({
    kind: 'stream' as const,
    text: () =>
      `(${input.text()}) => stream ${item.text()} (${window}, ${windowBytes})${errors.length > 0 ? ` ! ${errors.join(' | ')}` : ''}`,
    interfaces: [...input.interfaces, ...item.interfaces],
    input,
    item,
    errors,
    window,
    windowBytes,
  });
}

const MOST_CODES = 200;

function codes<E extends string>(errors: readonly E[] = []): readonly E[] {
  const isRight = errors.every((code) => /^[a-z][a-z0-9-]{0,63}$/.test(code)) && new Set(errors).size === errors.length;
  if (!isRight || errors.length > MOST_CODES) {
    throw new InvalidArgument(`errors: at most ${MOST_CODES} codes of lower-case letters, digits and -, none twice`);
  }
  if (errors.some((code) => ['internal', 'unavailable', 'cancelled', 'limit'].includes(code))) {
    throw new InvalidArgument('errors: internal, unavailable, cancelled and limit mean what they mean everywhere');
  }
  return Object.freeze([...errors]);
}
