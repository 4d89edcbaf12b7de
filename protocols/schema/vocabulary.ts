import { fd, remote, sharedBuffer } from './capabilities.js';
import { literal, oneOf, union } from './choices.js';
import { array, map, optional, record } from './containers.js';
import { proto, value } from './foreign.js';
import { event, method, stream } from './members.js';
import { bool, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64 } from './numbers.js';
import { bytes, string } from './variable.js';

/** The vocabulary of interfaces. Whatever has no size of its own has a maximum: `{ max }`, or a default. */
export const t = Object.freeze({
  method,
  event,
  stream,
  bool: () => bool,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float64,
  string,
  bytes,
  array,
  record,
  map,
  optional,
  union,
  literal,
  enum: oneOf,
  proto,
  value,
  fd,
  sharedBuffer,
  remote,
});
