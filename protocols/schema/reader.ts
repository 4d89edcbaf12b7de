import { viewOf } from '../bytes.js';
import type { IncomingHandles } from './handles.js';
import { Mismatch } from './mismatch.js';

const nothing = Buffer.alloc(0);

/** Where a message is read: `bytes[at, end)`. Used again for the next one. */
export class Reader {
  bytes: Buffer = nothing;
  view: DataView = viewOf(nothing);
  at = 0;
  end = 0;
  /** The bytes are the message's own and stay as they are: parts of them may be handed out. */
  owned = false;
  handles: IncomingHandles | null = null;

  open(bytes: Buffer, start: number, end: number, owned: boolean, handles: IncomingHandles | null): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = viewOf(bytes);
    }
    this.at = start;
    this.end = end;
    this.owned = owned;
    this.handles = handles;
  }

  /** Steps over so many bytes; returns where they begin. Without this check a value could read on into what else lies there. */
  take(size: number): number {
    const { at } = this;
    if (size > this.end - at)
      throw new Mismatch(`the message is cut short: ${size} bytes are wanted and ${this.end - at} left`);
    this.at = at + size;
    return at;
  }

  /** Lets go of a large message. */
  close(): void {
    this.handles = null;
    if (!this.owned) return;
    this.bytes = nothing;
    this.view = viewOf(nothing);
  }

  claims(): IncomingHandles {
    if (this.handles === null) throw new Mismatch('no fd, shared buffer or remote can come here');
    return this.handles;
  }
}
