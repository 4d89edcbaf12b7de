import * as native from '../../native/broker.js';

/** Of the addon: one call reads no more. */
const MOST_RANGES = 1024;
const MOST_BYTES = 1024 * 1024;

interface Request {
  readonly address: number;
  readonly length: number;
  readonly resolve: (bytes: Buffer) => void;
}

/**
 * The memory of a sandboxee, for one report: what is asked for in the same turn is read in one go, on the thread pool, and
 * once the budget is used up nothing is read any more.
 */
export class RemoteMemory {
  readonly #pid: number;
  #bytesLeft: number;
  #readsLeft: number;
  #waiting: Request[] = [];

  constructor(pid: number, budget: { readonly bytes: number; readonly reads: number }) {
    this.#pid = pid;
    this.#bytesLeft = budget.bytes;
    this.#readsLeft = budget.reads;
  }

  /** As many bytes as could be read, which may be none. */
  read(address: number, length: number): Promise<Buffer> {
    const sensible = Number.isSafeInteger(address) && address > 0 && length > 0 && length <= MOST_BYTES;
    if (!sensible || length > this.#bytesLeft || this.#readsLeft === 0) return Promise.resolve(Buffer.alloc(0));
    this.#bytesLeft -= length;
    this.#readsLeft -= 1;
    return new Promise((resolve) => {
      if (this.#waiting.push({ address, length, resolve }) === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    let batch: Request[] = [];
    let bytes = 0;
    for (const request of waiting) {
      if (batch.length === MOST_RANGES || bytes + request.length > MOST_BYTES) {
        this.#readBatch(batch);
        batch = [];
        bytes = 0;
      }
      batch.push(request);
      bytes += request.length;
    }
    this.#readBatch(batch);
  }

  #readBatch(batch: readonly Request[]): void {
    const ranges = new BigUint64Array(batch.length * 2);
    for (const [index, { address, length }] of batch.entries()) {
      ranges[index * 2] = BigInt(address);
      ranges[index * 2 + 1] = BigInt(length);
    }
    native.readMemory(this.#pid, ranges, (_error, bytes, lengths) => {
      let at = 0;
      for (const [index, { length, resolve }] of batch.entries()) {
        resolve(bytes.subarray(at, at + (lengths[index] ?? 0)));
        at += length;
      }
    });
  }
}
