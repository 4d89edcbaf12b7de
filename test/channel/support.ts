import type { Sandboxee } from '../../broker/index.js';
import { begin, type Kit, launchPuppet, type PuppetOptions } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';

/** What `armed` leaves in `kit.state`, for functions that run inside. */
export interface Arms {
  frame(tag: number, payload: Buffer): Buffer;
  /** Sends one message over and over, until so many are sent or the socket has taken none for a while; says which. */
  flood(message: Buffer, fds: number[], times: number): string;
  /** The fd of the latest shared buffer. */
  memoryFd(): number;
}

/** Runs inside, before the gate. Sockets are spoken to by raw syscalls, past everything that the SDK would check. */
function arm({ attack, state }: Kit): void {
  const [POLL, FCNTL, F_GET_SEALS, POLLOUT, EAGAIN] = JSON.parse(process.env.ARMS ?? '[]');
  const arms: Arms = {
    frame: (tag, payload) => {
      const header = Buffer.alloc(12);
      header.writeUInt32LE(tag, 0);
      header.writeUInt32LE(payload.length, 4);
      return Buffer.concat([header, payload]);
    },
    flood: (message, fds, times) => {
      const poll = Buffer.alloc(8);
      poll.writeInt32LE(3, 0);
      poll.writeInt16LE(POLLOUT, 4);
      for (let sent = 0; sent < times; ) {
        const result = attack.sendWithFds(3, message, fds);
        if (result === message.length) sent += 1;
        else if (result !== -EAGAIN) return `refused with ${result} after ${sent}`;
        else if (attack.syscall(POLL, poll, 1, 700) === 0) return `stalled after ${sent}`;
      }
      return 'sent everything';
    },
    memoryFd: () => {
      for (let fd = 250; fd > 3; fd -= 1) if (attack.syscall(FCNTL, fd, F_GET_SEALS) > 0) return fd;
      return -1;
    },
  };
  Object.assign(state, arms);
}

const F_GET_SEALS = 1034;
const POLLOUT = 4;
const EAGAIN = 11;

/** A puppet whose `kit.state` has `Arms`. */
export function launchArmed(options: PuppetOptions = {}): Promise<Sandboxee> {
  const env = { ARMS: JSON.stringify([numberOf('poll'), numberOf('fcntl'), F_GET_SEALS, POLLOUT, EAGAIN]) };
  return launchPuppet({ ...options, before: arm, node: { ...options.node, env } });
}

/** Has it write these bytes to its comms socket by one sendmsg, with those of its fds. */
export function sendRaw(sandboxee: Sandboxee, bytes: Buffer, fds: readonly number[] = []): Promise<void> {
  return begin(
    sandboxee,
    ({ attack }, message: Buffer, numbers: number[]) => attack.sendWithFds(3, message, numbers),
    bytes,
    [...fds],
  );
}

/** Has it flood its socket, and waits for how that went. Its word comes by stdout, since comms is full. */
export async function flood(
  sandboxee: Sandboxee,
  message: Buffer,
  fds: readonly number[],
  times: number,
): Promise<string> {
  const outcome = new Promise<string>((resolve) => {
    sandboxee.events.on('output', (_stream, text) => resolve(text.trim()));
  });
  await begin(
    sandboxee,
    ({ state }, bytes: Buffer, numbers: number[], most: number) => {
      const run = state.flood as (message: Buffer, fds: number[], times: number) => string;
      console.log(run(bytes, numbers, most));
    },
    message,
    [...fds],
    times,
  );
  return Promise.race([outcome, sandboxee.result.then(({ status }) => `ended: ${status}`)]);
}

export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
