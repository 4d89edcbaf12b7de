import { type NativeEndpoint, type SharedBinding, shared } from '../native/shared.js';
import { defaultLimits } from './limits.js';
import type { OnBatch, RingCarrier, Transport } from './transport.js';

export interface EndpointOptions {
  /** Bytes. */
  readonly slab?: number;
  readonly budget?: number;
  /** Leave the fd open for good: inside a sandboxee its number must never become another file's. */
  readonly keepFd?: boolean;
  /** Default: the addon that this process loaded. */
  readonly binding?: SharedBinding;
}

/** A unix stream socket, through the addon's endpoint. */
export class EndpointTransport implements Transport {
  readonly slab: Buffer;
  onBatch: OnBatch = (filled) => filled;
  onDrain: () => void = () => {};
  protected readonly endpoint: NativeEndpoint;
  #closed = false;
  #shut = false;

  /** Owns the socket from here on. */
  constructor(socket: number, options: EndpointOptions = {}) {
    const { slab = defaultLimits.slab, budget = defaultLimits.budget, keepFd = false, binding = shared() } = options;
    this.slab = Buffer.allocUnsafeSlow(slab);
    this.endpoint = new binding.Endpoint(
      socket,
      { slab: this.slab, budget, keepFd },
      (filled, fds, status) => this.onBatch(filled, fds, status),
      () => this.onDrain(),
    );
  }

  get queued(): number {
    return this.#closed ? 0 : this.endpoint.queued;
  }

  start(): void {
    this.endpoint.start();
  }

  pause(): void {
    this.endpoint.pause();
  }

  resume(): void {
    this.endpoint.resume();
  }

  ref(): void {
    this.endpoint.ref();
  }

  unref(): void {
    this.endpoint.unref();
  }

  write(bytes: Uint8Array, fds: number[]): number {
    return this.endpoint.write(bytes, fds);
  }

  publish(bytes: Uint8Array, length: number): number {
    return this.endpoint.publish(bytes, length);
  }

  readonly pull = (target: Uint8Array, from: number, to: number): number => this.endpoint.pull(target, from, to);

  get ring(): RingCarrier {
    return this.endpoint;
  }

  shutdown(): void {
    if (this.#closed || this.#shut) return;
    this.#shut = true;
    this.endpoint.shutdown();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.endpoint.close();
  }
}

/** The sandboxee's: it may also wait. The broker's addon has no call that blocks. */
export class BlockingEndpointTransport extends EndpointTransport {
  receiveSync(timeoutMs: number): boolean {
    return this.endpoint.receiveSync(timeoutMs);
  }

  writeSync(bytes: Uint8Array, fds: number[], timeoutMs: number): void {
    this.endpoint.writeSync(bytes, fds, timeoutMs);
  }
}
