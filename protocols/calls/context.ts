import type { CallPort } from '../call-port.js';
import { ProtocolError } from '../errors.js';
import type { Context } from '../schema/members.js';
import type { BuiltInCode } from './failure-codes.js';

/** What a handler throws to fail by a code of its interface. */
export class Failure extends Error {
  readonly failureCode: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'Failure';
    this.failureCode = code;
  }
}

/** Thrown where a call is passed on, and fails there by a code that everybody has. */
export class BuiltInFailure extends Error {
  readonly builtInCode: BuiltInCode;

  constructor(code: BuiltInCode, options?: ErrorOptions) {
    super(`the call that this one was passed on to failed: ${code}`, options);
    this.name = 'BuiltInFailure';
    this.builtInCode = code;
  }
}

/** The controller is made when the signal is first asked for: most handlers do not. */
export class CallContext implements Context {
  readonly #port: Pick<CallPort, 'violate'>;
  #controller: AbortController | null = null;
  #aborted: { readonly reason: unknown } | null = null;

  constructor(port: Pick<CallPort, 'violate'>) {
    this.#port = port;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted !== null) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }

  // Functions of their own, which may be taken out of the context, and are made for the few that ask.
  get fail(): (code: string, message?: string) => Error {
    return fail;
  }

  get hostile(): (reason: string) => never {
    return (reason) => {
      const error = new ProtocolError(`a handler found the peer hostile: ${reason}`);
      this.#port.violate(error);
      throw error;
    };
  }
}

function fail(code: string, message = ''): Error {
  return new Failure(code, message);
}
