/** What the peers that pass whole objects send. An answer comes to all but `sink`, in the order of the questions. */
export interface Message {
  readonly kind: 'echo' | 'sink' | 'sync' | 'bulk';
  readonly id: number;
  readonly name: string;
  readonly data: Uint8Array<ArrayBuffer>;
  /** Of the buffer to make, for `bulk`. */
  readonly size: number;
  readonly transfer: boolean;
}

export const NAME = 'message-name';
/** A Buffer: JSON makes something else of a Uint8Array. */
const NOTHING = Buffer.alloc(0);
const BYTE = 7;

/** The other side's part. */
export function answer(message: Message): Message | undefined {
  if (message.kind === 'sink') return undefined;
  return message.kind === 'bulk' ? { ...message, data: filled(message.size) } : message;
}

export function filled(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(size).fill(BYTE);
}

export function fill(bytes: Uint8Array): void {
  bytes.fill(BYTE);
}

const sources = new Map<number, Buffer<ArrayBuffer>>();

/** Made once for each size. */
export function source(size: number): Buffer<ArrayBuffer> {
  let found = sources.get(size);
  if (found === undefined) {
    found = Buffer.from(filled(size).buffer);
    sources.set(size, found);
  }
  return found;
}

export function message(kind: Message['kind'], data: Uint8Array<ArrayBuffer> = NOTHING, size = data.length): Message {
  return { kind, id: 1, name: NAME, data, size, transfer: false };
}

/** Bytes that stay in the cache, so that what is read of memory is what is verified. */
const STEP = 64 * 1024;

/** Reads every byte of what `filled` made, once. Throws where it is anything else. */
export function verify(bytes: Uint8Array, size: number): void {
  const step = source(STEP);
  let same = bytes.length === size;
  for (let at = 0; same && at < size; at += STEP) {
    const end = Math.min(at + STEP, size);
    same = step.compare(bytes, at, end, 0, end - at) === 0;
  }
  if (!same) throw new Error(`not the ${size} bytes that were due`);
}
