import { encodeFacts } from './buffer-frames.js';
import type { FdOperations } from './fd-facts.js';
import type { Outbox } from './outbox.js';
import type { BufferHome, DepartingBuffer } from './shared-buffer.js';
import { Tag } from './tags.js';

/** A kind of frame that carries a buffer. */
export interface BufferTags {
  readonly withFd: number;
  readonly byId: number;
}

export const sharedTags: BufferTags = { withFd: Tag.SharedBuffer, byId: Tag.SharedBufferById };
export const attachTags: BufferTags = { withFd: Tag.AttachBuffer, byId: Tag.AttachBufferById };
export const grantTags: BufferTags = { withFd: Tag.BufferGrant, byId: Tag.BufferGrantById };

/** Queues a buffer that has departed: with its memfd, or by its id where the other side keeps that. */
export function queueBuffer(
  outbox: Outbox,
  home: BufferHome,
  fds: FdOperations,
  { fd, facts }: DepartingBuffer,
  tags: BufferTags,
  payload = encodeFacts(facts),
): void {
  try {
    if (fd === null) outbox.frame(tags.byId, payload);
    else outbox.frameWithFd(tags.withFd, payload, fd, fds);
  } catch (error) {
    home.lost(facts.id);
    throw error;
  }
}
