import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import * as native from '../../native/broker.js';
import { Tag } from '../../protocols/tags.js';
import { decodeExited, decodeFailed, type ExitStatus, type StepFailure } from './reports.js';
import { theWorld } from './world.js';

const FRAME_HEADER = 12;
/** An ordinary user that exists nowhere else. */
export const USER = 65533;

export interface RunOptions {
  /** Whether the launcher runs as `USER` and not as root. */
  readonly asUser?: boolean;
  /** Become fds 6.. of the launcher; stay the caller's. */
  readonly declared?: readonly number[];
  /** What becomes fd 1, in place of a pipe that is gathered. */
  readonly stdout?: number;
}

export interface Process {
  readonly pid: number;
  readonly pidfd: number;
}

export interface Outcome {
  /** Names of the frames, in order. */
  readonly frames: readonly string[];
  readonly failed: StepFailure | undefined;
  readonly exited: ExitStatus | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly outer: native.WaitStatus;
  readonly pid1: native.WaitStatus | undefined;
}

const TAG_NAMES = new Map<number, string>(Object.entries(Tag).map(([name, tag]) => [tag, name]));

/** One run of the launcher, with this process as the broker. */
export class Run implements AsyncDisposable {
  readonly pid1: Promise<Process>;
  readonly program: Promise<Process>;
  /** Everything has ended and was reaped. */
  readonly outcome: Promise<Outcome>;
  /** Our end of the comms socket. */
  readonly comms: number;
  /** Our end of the life socket. */
  readonly life: number;

  readonly #endpoint: native.BrokerBinding['Endpoint']['prototype'];
  readonly #frames: string[] = [];
  readonly #processes = new Map<string, Process>();
  readonly #waiters = new Map<string, (found: Process | Error) => void>();
  #failed: StepFailure | undefined;
  #exited: ExitStatus | undefined;
  #endOfLife: () => void = () => {};

  constructor(plan: Uint8Array, options: RunOptions = {}) {
    const memory = native.createMemory('plan', plan.length, { executable: false });
    writeSync(memory, plan, 0, plan.length, 0);
    const [life, theirLife] = native.socketpair();
    const [comms, theirComms] = native.socketpair();
    const [stdout, theirStdout] = options.stdout === undefined ? native.pipe() : [undefined, options.stdout];
    const [stderr, theirStderr] = native.pipe();
    const nothing = openSync('/dev/null', 'r');
    const ours = [nothing, theirStderr, theirComms, theirLife, memory];
    const fds = [nothing, theirStdout, theirStderr, theirComms, theirLife, memory, ...(options.declared ?? [])];
    const { launcher, asUser } = theWorld();
    const outer = options.asUser
      ? native.spawn(asUser, ['as-user', String(USER), launcher], fds)
      : native.spawn(launcher, ['sallyport-launcher'], fds);
    ours.forEach(closeSync);
    if (stdout !== undefined) closeSync(theirStdout);

    this.comms = comms;
    this.life = life;
    this.pid1 = this.#await('Stage');
    this.program = this.#await('Launched');
    const ended = new Promise<void>((resolve) => {
      this.#endOfLife = resolve;
    });
    const slab = new Uint8Array(64 * 1024);
    const endpoint = { slab, budget: slab.length, keepFd: false };
    this.#endpoint = new native.binding.Endpoint(
      life,
      endpoint,
      (...batch) => this.#receive(slab, ...batch),
      () => {},
    );
    this.#endpoint.start();
    this.outcome = this.#finish(
      outer,
      ended,
      stdout === undefined ? Promise.resolve('') : gather(stdout),
      gather(stderr),
    );
  }

  /** As if the broker had died. */
  closeLife(): void {
    this.#endpoint.close();
    this.#endOfLife();
  }

  /** Stops reading from the life socket, as a broker that hangs. */
  freezeLife(): void {
    this.#endpoint.pause();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pid1 = this.#processes.get('Stage');
    if (pid1 !== undefined) native.signalPidfd(pid1.pidfd, 9);
    await this.outcome;
  }

  async #finish(
    outer: Process,
    ended: Promise<void>,
    stdout: Promise<string>,
    stderr: Promise<string>,
  ): Promise<Outcome> {
    const outerStatus = await reap(outer.pidfd);
    await ended;
    const pid1 = this.#processes.get('Stage');
    const pid1Status = pid1 === undefined ? undefined : await reap(pid1.pidfd);
    this.#endpoint.close();
    closeSync(this.comms);
    for (const { pidfd } of [outer, ...this.#processes.values()]) closeSync(pidfd);
    for (const [name, settle] of this.#waiters)
      settle(new Error(`the launcher ended without ${name}: ${JSON.stringify(this.#failed)}`));
    return {
      frames: this.#frames,
      failed: this.#failed,
      exited: this.#exited,
      stdout: await stdout,
      stderr: await stderr,
      outer: outerStatus,
      pid1: pid1Status,
    };
  }

  #await(name: string): Promise<Process> {
    const found = new Promise<Process>((resolve, reject) => {
      this.#waiters.set(name, (value) => (value instanceof Error ? reject(value) : resolve(value)));
    });
    // Most tests do not ask.
    found.catch(() => {});
    return found;
  }

  #receive(slab: Uint8Array, filled: number, fds: number[] | null, status: number): number {
    const bytes = Buffer.from(slab.buffer, slab.byteOffset, filled);
    const arrived = [...(fds ?? [])];
    let at = 0;
    while (filled - at >= FRAME_HEADER) {
      const end = at + FRAME_HEADER + Number(bytes.readBigUInt64LE(at + 4));
      if (end > filled) break;
      this.#frame(bytes.readUInt32LE(at), Buffer.from(bytes.subarray(at + FRAME_HEADER, end)), arrived);
      at = end;
    }
    if (status !== 0) this.#endOfLife();
    return at;
  }

  #frame(tag: number, payload: Buffer, fds: number[]): void {
    const name = TAG_NAMES.get(tag) ?? String(tag);
    this.#frames.push(name);
    if (tag === Tag.Failed) this.#failed = decodeFailed(payload);
    if (tag === Tag.Exited) this.#exited = decodeExited(payload);
    const pidfd = tag === Tag.Stage || tag === Tag.Launched ? fds.shift() : undefined;
    if (pidfd === undefined) return;
    const process = { pidfd, pid: pidOf(pidfd) };
    this.#processes.set(name, process);
    this.#waiters.get(name)?.(process);
    this.#waiters.delete(name);
  }
}

function pidOf(pidfd: number): number {
  return Number(/^Pid:\s*(-?\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${pidfd}`, 'utf8'))?.[1]);
}

function reap(pidfd: number): Promise<native.WaitStatus> {
  return new Promise((resolve, reject) => {
    native.watchPidfd(pidfd, () => {
      const status = native.waitPidfd(pidfd);
      if (status === null) reject(new Error('readable, and not ended'));
      else resolve(status);
    });
  });
}

async function gather(fd: number): Promise<string> {
  const stream = new Socket({ fd, readable: true, writable: false });
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(stream, 'close');
  return text;
}

/** Runs a plan to its end. */
export async function runPlan(plan: Uint8Array, options: RunOptions = {}): Promise<Outcome> {
  return new Run(plan, options).outcome;
}
