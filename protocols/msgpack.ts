export { decodeValue, type Value } from './msgpack-decode.js';
export { encodeValue } from './msgpack-encode.js';
