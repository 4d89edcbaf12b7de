import { EventEmitter } from 'node:events';
import type TypedEmitter from 'typed-emitter';
import type { Denial, Result, Violation } from './result.js';

/** What `sandboxee.events` tells. No event is called `error`: an unheard one would throw in the broker. */
export type SandboxeeEvents = {
  /** A syscall was answered with an errno. They come in batches, at most 64 every 20 ms. */
  denial: (denial: Denial) => void;
  /** So many denials came faster than that, and are only counted. */
  'denials-dropped': (count: number) => void;
  /** A syscall or message that ends the sandboxee; `result` follows. */
  violation: (violation: Violation) => void;
  /** Text of its stdout or stderr, escaped. */
  output: (stream: 'stdout' | 'stderr', text: string) => void;
  /** The last event. */
  result: (result: Result) => void;
};

export type Events = TypedEmitter.default<SandboxeeEvents>;

const Emitter: new () => Events = EventEmitter as never;

export function createEvents(): Events {
  return new Emitter();
}
