/**
 * The errors that both sides share. `code` is stable and is what a program should test; the message is for people.
 */
export type ErrorCode = `ERR_SALLYPORT_${string}`;

export class SallyportError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** The peer broke the protocol. On the broker's side this ends the sandboxee: a violation of kind `protocol`. */
export class ProtocolError extends SallyportError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_SALLYPORT_PROTOCOL', message, options);
  }

  /** Any failure while what the peer sent is handled is taken for the peer's. */
  static of(error: unknown): ProtocolError {
    if (error instanceof ProtocolError) return error;
    return new ProtocolError('what the peer sent could not be handled', { cause: error });
  }
}

/** The other side closed the channel or died. `result` says how it ended, where that is known. */
export class PeerGone extends SallyportError {
  readonly result: unknown;

  constructor(message: string, result?: unknown, options?: ErrorOptions) {
    super('ERR_SALLYPORT_PEER_GONE', message, options);
    this.result = result;
  }

  /** @internal Any other error as it is. */
  static withResult<E extends SallyportError | null>(error: E, result: unknown): E | PeerGone {
    return error instanceof PeerGone ? new PeerGone(error.message, result) : error;
  }
}

/** This side closed the object before the operation. */
export class ClosedError extends SallyportError {
  constructor(message: string) {
    super('ERR_SALLYPORT_CLOSED', message);
  }
}

/** The next frame is of another type than was asked for. That frame is consumed, fd included; the stream is in step. */
export class TagMismatch extends SallyportError {
  readonly expected: string;
  readonly received: string;

  constructor(expected: string, received: string) {
    super('ERR_SALLYPORT_TAG_MISMATCH', `expected ${expected}, but the peer sent ${received}`);
    this.expected = expected;
    this.received = received;
  }
}

/** A received fd is of a kind that was not asked for, or a directory or O_PATH fd was sent without its token. */
export class FdKindError extends SallyportError {
  constructor(message: string) {
    super('ERR_SALLYPORT_FD_KIND', message);
  }
}

/** A maximum was reached; the stream is in step. `asked` and `limit` are in the unit of `which`: bytes or a count. */
export class LimitExceeded extends SallyportError {
  readonly which: string;
  readonly asked: number;
  readonly limit: number;

  constructor(which: string, asked: number, limit: number, message?: string, options?: ErrorOptions) {
    super('ERR_SALLYPORT_LIMIT', message ?? `${which}: ${asked}, the limit is ${limit}`, options);
    this.which = which;
    this.asked = asked;
    this.limit = limit;
  }
}

/** The broker hands out no more shared memory to this sandboxee. Bytes. */
export class BufferQuota extends SallyportError {
  readonly asked: number;
  readonly available: number;

  constructor(asked: number, available: number, message: string) {
    super('ERR_SALLYPORT_BUFFER_QUOTA', message);
    this.asked = asked;
    this.available = available;
  }
}

/** The object was moved (sent, or released) and is no longer this side's. */
export class UseAfterMove extends SallyportError {
  constructor(what: string) {
    super('ERR_SALLYPORT_USE_AFTER_MOVE', `${what} was moved: sending moves ownership, dup() first to keep it`);
  }
}

export class InvalidArgument extends SallyportError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_SALLYPORT_INVALID_ARGUMENT', message, options);
  }
}

/** `sendValue` cannot carry this value. `path` leads to the part in question, as `.users[3].born`. */
export class UnsupportedValue extends SallyportError {
  readonly path: string;

  constructor(path: string, message: string) {
    super('ERR_SALLYPORT_UNSUPPORTED_VALUE', `value${path}: ${message}`);
    this.path = path;
  }
}

/** A blocking receive ended at its timeout. */
export class TimeoutError extends SallyportError {
  constructor(message: string) {
    super('ERR_SALLYPORT_TIMEOUT', message);
  }
}

/** The other side serves another version of the interface. `difference` shows each line that only one of them has. */
export class InterfaceMismatch extends SallyportError {
  readonly difference: string;

  constructor(name: string, difference: string) {
    super('ERR_SALLYPORT_INTERFACE', `the other side serves another ${name}:\n${difference}`);
    this.difference = difference;
  }
}

/**
 * A call that the other side did not answer with a value. `code` is one that the interface declares, or `internal` (its
 * handler failed), `unavailable` (nobody serves the interface), `limit` (the answer was more than may be sent), `cancelled`.
 */
export class RemoteError<Code extends string = string> extends Error {
  readonly code: Code | 'internal' | 'unavailable' | 'limit' | 'cancelled';
  /** What the other side says, escaped and cut. */
  readonly detail: string;

  constructor(code: Code | 'internal' | 'unavailable' | 'limit' | 'cancelled', what: string, detail = '') {
    super(`${what} failed: ${code}${detail === '' ? '' : `, ${detail}`}`);
    this.name = 'RemoteError';
    this.code = code;
    this.detail = detail;
  }
}
