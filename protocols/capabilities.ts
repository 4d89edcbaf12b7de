import type { Codec, Decoder, Encoder, ReceiveOptions } from './codec.js';
import { requireSize, type SizedOptions } from './codec.js';
import { FdKindError, InvalidArgument } from './errors.js';
import { Fd, requireKind } from './fd.js';
import { closeEventually, type FdKind, type FdOperations } from './fd-facts.js';
import { queueBuffer, sharedTags } from './outgoing-buffer.js';
import type { BufferHome, SharedBuffer } from './shared-buffer.js';
import { Tag } from './tags.js';

/**
 * `openat(directory, "../../etc/passwd")` reaches whatever the path leads to, and an O_PATH fd can be opened again: who has
 * one has more than a file. So neither crosses, in either direction, without this.
 */
export interface DirectoryToken {
  readonly dangerouslyAllowDirectory?: true | undefined;
}

export interface FdOptions extends ReceiveOptions, DirectoryToken {
  /** Another kind is an FdKindError; the fd is closed. */
  readonly kind?: FdKind | readonly FdKind[] | undefined;
}

const nothing = new Uint8Array(0);

export interface OutgoingFd extends DirectoryToken {
  readonly fd: Fd;
}

export function fdCodec(fds: FdOperations): Codec<OutgoingFd, Fd, FdOptions> {
  return {
    tag: Tag.Fd,
    encode(out, { fd, dangerouslyAllowDirectory }) {
      if (!(fd instanceof Fd)) {
        throw new InvalidArgument('a bare number is not sent: Fd.open a path, or Fd.adopt the number to give it away');
      }
      refuseDirectory(fd, dangerouslyAllowDirectory);
      out.frameWithFd(Tag.Fd, nothing, fd.release(), fds);
    },
    drop({ fd }) {
      if (fd instanceof Fd) fd.close();
    },
    decode(frame, options) {
      const fd = adopt(fds, frame.takeFd());
      try {
        refuseDirectory(fd, options?.dangerouslyAllowDirectory);
        if (options?.kind !== undefined) requireKind(fd.kind, options.kind, 'the received fd');
        return fd;
      } catch (error) {
        fd.close();
        throw error;
      }
    },
  };
}

function refuseDirectory(fd: Fd, allow: true | undefined): void {
  if (allow === true) return;
  if (fd.kind === 'directory')
    throw new FdKindError('the fd is a directory: that takes { dangerouslyAllowDirectory: true }');
  if (fd.access === 'path') throw new FdKindError('the fd is O_PATH: that takes { dangerouslyAllowDirectory: true }');
}

export function bufferCodec(exchange: { readonly home: BufferHome }, fds: FdOperations): Codec<SharedBuffer> {
  return {
    tag: Tag.SharedBuffer,
    encode(out, buffer) {
      const { home } = exchange;
      queueBuffer(out, home, fds, home.depart(buffer), sharedTags);
    },
    drop: (buffer) => buffer.close(),
    decode: (frame) => frame.takeBuffer().open(),
  };
}

export interface Control {
  readonly tag: number;
  readonly payload: Buffer;
  /** Present for the tags that carry one. */
  readonly fd: Fd | undefined;
}

export interface ControlOptions extends SizedOptions {
  /** What may come in its place, e.g. the news of a failure; the answer's `tag` tells. */
  readonly otherTag?: number;
}

export interface OutgoingControl {
  readonly payload: Uint8Array;
  readonly fd: Fd | undefined;
}

/** One handshake frame, for the two ends of the gate. */
export function controlEncoder(tag: number, fds: FdOperations): Encoder<OutgoingControl> {
  return {
    encode(out, { payload, fd }) {
      if (fd === undefined) out.frame(tag, payload);
      else out.frameWithFd(tag, payload, fd.release(), fds);
    },
    drop: ({ fd }) => fd?.close(),
  };
}

export function controlDecoder(tag: number, fds: FdOperations, otherTag?: number): Decoder<Control, SizedOptions> {
  return {
    tag,
    otherTag,
    decode(frame, options) {
      if (options?.max !== undefined) requireSize(frame, options.max);
      return { tag: frame.tag, payload: frame.copyOut(), fd: frame.hasFd ? adopt(fds, frame.takeFd()) : undefined };
    },
  };
}

function adopt(fds: FdOperations, number: number): Fd {
  try {
    return Fd.adopt(number, fds);
  } catch (error) {
    closeEventually(fds, number);
    throw error;
  }
}
