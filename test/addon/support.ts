import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { binding as broker } from '../../native/broker.js';
import { binding as sandboxee } from '../../native/sandboxee.js';
import type { NativeEndpoint, SharedBinding } from '../../native/shared.js';
import { attackAddon } from '../support/build.js';

export { broker, sandboxee };

/** The attacker's addon: any syscall, from this very process. */
export interface Attack {
  syscall(number: number, ...values: (number | bigint | Buffer)[]): number;
  address(buffer: Buffer): bigint;
  sendWithFds(socket: number, bytes: Buffer, fds: number[]): number;
}

let attack: Attack | undefined;
export function attacker(): Attack {
  attack ??= createRequire(import.meta.url)(attackAddon()) as Attack;
  return attack;
}

/** Syscall numbers of x86-64, which the tests are written for. */
export const SYS = {
  write: 1,
  shutdown: 48,
  sendmsg: 46,
  setsockopt: 54,
  socket: 41,
  connect: 42,
  getppid: 110,
  openat: 257,
  execve: 59,
  prlimit64: 302,
  fcntl: 72,
} as const;

/** Turns of the loop until something holds; no sleeping. */
export async function eventually(holds: () => boolean, what: string, patienceMs = 5000): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await nextTurn();
  }
}

setFlagsFromString('--expose-gc');
export const collectGarbage: () => void = runInNewContext('gc');

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

export interface PeerOptions {
  binding?: SharedBinding;
  slabBytes?: number;
  budget?: number;
  keepFd?: boolean;
  /** Runs in place of consuming everything. */
  onBatch?: (peer: Peer, filled: number, fds: number[] | null, status: number) => number;
}

/** An endpoint, and a record of all that reached it. */
export class Peer {
  readonly endpoint: NativeEndpoint;
  readonly slab: Buffer;
  readonly chunks: Buffer[] = [];
  readonly fds: number[] = [];
  readonly statuses: number[] = [];
  batches = 0;
  drains = 0;

  constructor(
    readonly fd: number,
    options: PeerOptions = {},
  ) {
    this.slab = Buffer.alloc(options.slabBytes ?? 64 * 1024);
    const { Endpoint } = options.binding ?? broker;
    const settings = { slab: this.slab, budget: options.budget ?? 256 * 1024, keepFd: options.keepFd ?? false };
    this.endpoint = new Endpoint(
      fd,
      settings,
      (filled, fds, status) => {
        this.batches++;
        if (options.onBatch) return options.onBatch(this, filled, fds, status);
        return this.consume(filled, fds, status);
      },
      () => {
        this.drains++;
      },
    );
  }

  consume(filled: number, fds: number[] | null, status: number): number {
    this.chunks.push(Buffer.from(this.slab.subarray(0, filled)));
    if (fds) this.fds.push(...fds);
    if (status !== 0) this.statuses.push(status);
    return filled;
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get byteCount(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  async until(bytes: number): Promise<void> {
    await eventually(() => this.byteCount >= bytes, `${bytes} bytes, of which ${this.byteCount} came`);
  }

  async untilEnd(): Promise<void> {
    await eventually(() => this.statuses.length > 0, 'the end of the connection');
  }

  close(): void {
    this.endpoint.close();
    for (const fd of this.fds.splice(0)) broker.close(fd);
  }
}

export function startedPair(first: PeerOptions = {}, second: PeerOptions = {}): [Peer, Peer] {
  const [a, b] = broker.socketpair();
  const pair: [Peer, Peer] = [new Peer(a, first), new Peer(b, second)];
  for (const peer of pair) peer.endpoint.start();
  return pair;
}

/** Bytes that differ from their neighbours at every scale, so that a swap or a gap shows. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = (at ^ (at >> 8) ^ (at >> 16)) & 0xff;
  return bytes;
}

export function reaped(): Promise<void> {
  return eventually(() => broker.reaperPending() === 0, 'the reaper to be done');
}

/** What a call throws, for `.code`. */
export function errorOf(call: () => unknown): NodeJS.ErrnoException {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('it threw nothing');
}
