/** The public surface inside a sandboxee. */

export type { BlockingComms } from '../protocols/blocking-comms.js';
export type { Comms } from '../protocols/comms.js';
export * from '../protocols/errors.js';
export { Fd } from '../protocols/fd.js';
export type { BufferMode, SharedBuffer } from '../protocols/shared-buffer.js';
export { takeFd } from './fds.js';
export { type Gate, type GateOptions, sandboxMeHere } from './gate.js';
