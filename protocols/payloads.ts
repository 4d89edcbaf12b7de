import { ANY_USER_TAG, type Codec, type Decoder, type Encoder, requireSize, type SizedOptions } from './codec.js';
import { InvalidArgument, ProtocolError } from './errors.js';
import type { ChannelLimits, ValueLimits } from './limits.js';
import { decodeValue, encodeValue, type Value } from './msgpack.js';
import { FIRST_RESERVED_TAG, Tag } from './tags.js';
import { KiB } from './units.js';
import { decodeUtf8, hasLoneSurrogate } from './utf8.js';

/** What `pbjs -t static-module` makes of a message; reflected types fit as well. */
export interface ProtoEncoder<Message> {
  encode(message: Message): { finish(): Uint8Array };
}

export interface ProtoDecoder<Message> {
  decode(bytes: Uint8Array): Message;
}

export interface Tlv {
  readonly tag: number;
  readonly bytes: Buffer;
}

export interface ValueOptions extends SizedOptions, Partial<Omit<ValueLimits, 'max'>> {}

const DIRECT = 16 * KiB;

export const string: Codec<string, string, SizedOptions> = {
  tag: Tag.String,
  encode(out, value) {
    if (typeof value !== 'string') throw new InvalidArgument(`${String(value)} is no string`);
    if (hasLoneSurrogate(value)) throw new InvalidArgument('the string has a lone surrogate, which has no UTF-8');
    const length = Buffer.byteLength(value);
    if (length > DIRECT) {
      out.frame(Tag.String, Buffer.from(value));
      return;
    }
    out.checkSize(length);
    const at = out.begin(Tag.String, length);
    out.bytes.write(value, at, length, 'utf8');
  },
  decode(frame, options) {
    if (options?.max !== undefined) requireSize(frame, options.max);
    return decodeUtf8(frame.bytes, frame.start, frame.end);
  },
};

export const bytes: Codec<Uint8Array, Buffer, SizedOptions> = {
  tag: Tag.Bytes,
  encode(out, value) {
    out.frame(Tag.Bytes, requireBytes(value));
  },
  decode(frame, options) {
    if (options?.max !== undefined) requireSize(frame, options.max);
    return frame.copyOut();
  },
};

export const tlv: Codec<{ tag: number; bytes: Uint8Array }, Tlv, SizedOptions> = {
  tag: ANY_USER_TAG,
  encode(out, { tag, bytes: payload }) {
    if (!Number.isInteger(tag) || tag < 0 || tag >= FIRST_RESERVED_TAG) {
      throw new InvalidArgument(`tag ${tag}: a user tag is an integer from 0 to 0x7fffffff`);
    }
    out.frame(tag, requireBytes(payload));
  },
  decode(frame, options) {
    if (options?.max !== undefined) requireSize(frame, options.max);
    return { tag: frame.tag, bytes: frame.copyOut() };
  },
};

/** The limits are the channel's where the receive names none. */
export function valueCodec(limits: ChannelLimits): Codec<unknown, Value, ValueOptions> {
  return {
    tag: Tag.Value,
    encode: (out, value) => out.frame(Tag.Value, encodeValue(value, limits.maxMessage)),
    decode(frame, options) {
      if (options === undefined) {
        requireSize(frame, limits.value.max);
        return decodeValue(frame.bytes, frame.start, frame.end, limits.value);
      }
      const { max = limits.value.max, nodes = limits.value.nodes } = options;
      const { depth = limits.value.depth, keys = limits.value.keys } = options;
      requireSize(frame, max);
      return decodeValue(frame.bytes, frame.start, frame.end, { max, nodes, depth, keys });
    },
  };
}

export function protoEncoder<Message>(type: ProtoEncoder<Message>): Encoder<Message> {
  return { encode: (out, message) => out.frame(Tag.Proto, type.encode(message).finish()) };
}

export function protoDecoder<Message>(type: ProtoDecoder<Message>, max: number): Decoder<Message, SizedOptions> {
  return {
    tag: Tag.Proto,
    decode(frame, options) {
      requireSize(frame, options?.max ?? max);
      // protobufjs hands out `bytes` fields as views of its input: it must never see the slab. It drops unknown fields by
      // default (Reader.discardUnknown).
      const copy = frame.copyOut();
      try {
        return type.decode(copy);
      } catch (error) {
        throw new ProtocolError('the peer sent a malformed protobuf message', { cause: error });
      }
    },
  };
}

function requireBytes(value: Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new InvalidArgument('bytes are sent as a Uint8Array');
}
