/** Interfaces and the types of their messages. Pure: nothing here loads native code. */

export type { FieldsIn, FieldsOut } from './containers.js';
export { defineInterface, type Interface, type Members } from './interface.js';
export type {
  CallOptions,
  CallPhase,
  Context,
  EventSource,
  FailureCode,
  Implementation,
  MethodOf,
  Overflow,
  Remote,
  RemoteOf,
  RemoteStream,
  ServiceOf,
  StreamSource,
} from './members.js';
export { decode, encode } from './message.js';
export type { StandardSchema } from './standard.js';
export type { Infer, InferInput, Type } from './type.js';
export { defaultMaxima } from './variable.js';
export { t } from './vocabulary.js';
