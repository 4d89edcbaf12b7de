import { ProtocolError } from '../../protocols/errors.js';
import { IncomingHandles, type RemoteSource } from '../../protocols/schema/handles.js';
import { decode } from '../../protocols/schema/message.js';
import type { Type } from '../../protocols/schema/type.js';
import type { ArrivedBuffer } from '../../protocols/shared-buffer.js';
import { FakeFds } from '../comms/support.js';

/** What a decoder says of bytes that it refuses. */
export function refusal(
  type: Type<never, unknown> | Type,
  bytes: Uint8Array,
  handles: IncomingHandles | null = null,
): string {
  try {
    decode(type, bytes, handles);
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

/** Handles that tell whether each was closed. */
export class Arrivals {
  readonly fds = new FakeFds();
  readonly released: number[] = [];
  readonly discarded: number[] = [];
  readonly source: RemoteSource = {
    adopt: (id) => ({ [Symbol.dispose]: () => this.released.push(id) }),
    release: (id) => this.released.push(id),
  };

  make(
    fds: readonly number[],
    buffers: readonly ArrivedBuffer[] = [],
    remotes: readonly number[] = [],
  ): IncomingHandles {
    return new IncomingHandles(fds, buffers, remotes, this.fds, this.source);
  }

  buffer(id: number): ArrivedBuffer {
    return {
      open: () => {
        throw new Error('not used');
      },
      discard: () => this.discarded.push(id),
    };
  }
}
