import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import * as native from '../../native/broker.js';
import { EndpointTransport } from '../../protocols/endpoint-transport.js';
import { FrameParser } from '../../protocols/frames.js';
import { Tag } from '../../protocols/tags.js';
import { escapeText } from '../../protocols/text.js';
import { BatchStatus, type Transport } from '../../protocols/transport.js';
import { killSoon, signalProgram } from './signals.js';

/** A step of the launcher's plan that failed: its index in the plan, its op, the kernel's errno and what it was about. */
export interface StepFailure {
  readonly index: number;
  readonly op: number;
  readonly errno: number;
  readonly detail: string;
}

/** All that the kernel and the launcher have to say about the end. */
export interface ProcessEnd {
  /** How the sandboxee ended; undefined where it was never started or died together with its launcher. */
  readonly status: native.ExitStatus | undefined;
  readonly failure: StepFailure | undefined;
  readonly usage: native.Usage;
}

/** The launcher's fds, in the order of their numbers in it. The broker's copies are closed once it is spawned. */
export interface LauncherFds {
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
  readonly comms: number;
  readonly life: number;
  readonly plan: number;
  /** From the next number on. */
  readonly declared: readonly number[];
  /** After them: the files by which it joins groups. */
  readonly cgroups: readonly number[];
  /** The folder of the group in which it is born. It does not have this one. */
  readonly birthplace?: number | undefined;
}

const { SIGCONT, SIGKILL } = constants.signals;
/** Milliseconds: a hundred times what it takes, unless a crowd is in the way. */
const PATIENCE_WITH_INIT = 100;
/** The same where all can be killed at one stroke: a crowd then dies as fast as it is scheduled. */
const PATIENCE_WITH_GROUP = 20;
/** Milliseconds: it waits for the kernel to end processes, which takes long where they have much memory. */
const PATIENCE_WITH_LAUNCHER = 10_000;
/** Milliseconds. */
const UNWATCHED_ROUND = 10;
const NO_USAGE: native.Usage = {
  userMs: 0,
  systemMs: 0,
  maxRssBytes: 0,
  minorFaults: 0,
  majorFaults: 0,
  voluntarySwitches: 0,
  involuntarySwitches: 0,
};

/**
 * The launcher and, once it has started it, the sandboxee: identified, killed and reaped by pidfds. The life socket is the
 * launcher's only channel; when the broker dies the kernel closes its end, and pid 1 ends the tree.
 *
 * Three processes come and go: the outer launcher, which exits as soon as pid 1 of the new pid namespace is there; pid 1,
 * which CLONE_PARENT makes a child of the broker; and the sandboxee, a child of pid 1. In base it has another number.
 */
export class LaunchedProcess {
  /** Resolves with the sandboxee's pidfd, or undefined where it ended before it was started. Never rejects. */
  readonly started: Promise<number | undefined>;
  /** Resolves when there is a listener to take, or will be none. Never rejects. */
  readonly listening: Promise<void>;
  /** Resolves with whether such a program has begun. Never rejects. */
  readonly executed: Promise<boolean>;
  /** Resolves when pid 1 is reaped: the kernel has then ended every process of the tree. Never rejects. */
  readonly ended: Promise<ProcessEnd>;

  readonly #life: Transport;
  readonly #parser: FrameParser;
  readonly #watched = new Set<number>();
  readonly #fds: number[] = [];
  #resolveStarted: (pidfd: number | undefined) => void = () => {};
  #resolveListening: () => void = () => {};
  #resolveExecuted: (executed: boolean) => void = () => {};
  #resolveEnded: (end: ProcessEnd) => void = () => {};
  /** Until it is taken. */
  #listener: number | undefined;
  #init: number | undefined;
  #sandboxee: number | undefined;
  #status: native.ExitStatus | undefined;
  #failure: StepFailure | undefined;
  #usage = NO_USAGE;
  #killed = false;
  #patience: NodeJS.Timeout | undefined;
  #lifeEnded = false;
  #over = false;

  /**
   * @param life the broker's end of the life socket; owned
   * @param tier in `base` the launcher alone can end the tree
   * @param group what all of its processes are in, and can be killed with; alive until `ended`
   */
  constructor(
    launcherPath: string,
    fds: LauncherFds,
    life: number,
    private readonly tier: 'full' | 'base',
    private readonly group?: { readonly killsAtOnce: boolean; kill(): void },
  ) {
    this.started = new Promise((resolve) => {
      this.#resolveStarted = resolve;
    });
    this.listening = new Promise((resolve) => {
      this.#resolveListening = resolve;
    });
    this.executed = new Promise((resolve) => {
      this.#resolveExecuted = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#life = new EndpointTransport(life, { slab: 16 * 1024, budget: 64 * 1024, keepFd: false });
    this.#parser = new FrameParser(this.#life.slab, 4096, (tag, _rule, bytes, start, end) =>
      this.#onFrame(tag, bytes.subarray(start, end)),
    );
    this.#life.onBatch = (filled, received, status) => this.#onBatch(filled, received ?? [], status);
    const order = [fds.stdin, fds.stdout, fds.stderr, fds.comms, fds.life, fds.plan, ...fds.declared, ...fds.cgroups];
    try {
      this.#watch(native.spawn(launcherPath, ['sallyport-launcher'], order, fds.birthplace).pidfd);
    } catch (error) {
      this.#life.close();
      throw error;
    }
    this.#life.start();
  }

  /** pid 1 of the sandboxee's namespace, or in base the launcher: orphans become its children. Owned here, valid until `ended`. */
  get init(): number | undefined {
    return this.#init;
  }

  /** The listener of a program that is filtered before it begins, once; the caller's. Whoever ended before has none. */
  takeListener(): number | undefined {
    const listener = this.#listener;
    this.#listener = undefined;
    return listener;
  }

  /**
   * Idempotent. The sandboxee is killed first: pid 1 then reaps it, which is what adds up its resource usage, and ends, and
   * with it whatever else is in the namespace. A pid 1 that does not is killed as well. Before either is known, pid 1 is
   * killed as soon as it is.
   */
  kill(): void {
    if (this.#sandboxee !== undefined) killSoon(this.#sandboxee);
    else if (this.#init !== undefined && this.tier === 'full') native.signalPidfd(this.#init, SIGKILL);
    if (this.#killed || this.#over) return;
    this.#killed = true;
    this.#patience = setTimeout(() => this.#lose(), this.group?.killsAtOnce ? PATIENCE_WITH_GROUP : PATIENCE_WITH_INIT);
  }

  /**
   * To the program, and to what it started that is in its process group still, as a terminal would. Nothing happens where
   * it has ended.
   *
   * @param signal a number
   */
  signal(signal: number): void {
    if (this.#init !== undefined && this.#sandboxee !== undefined) signalProgram(this.#init, this.#sandboxee, signal);
  }

  /**
   * With pid 1 the kernel ends all. In base only the launcher can: it is asked once more, by the end of its life socket, and
   * by a SIGCONT if somebody has stopped it. If it is killed in the end, its program is too, and what else there is lives on.
   */
  #lose(): void {
    // Not before pid 1 has told of itself: nobody could reap it.
    if (this.#init === undefined) return;
    this.group?.kill();
    if (this.tier === 'full') {
      native.signalPidfd(this.#init, SIGKILL);
      return;
    }
    native.signalPidfd(this.#init, SIGCONT);
    this.#endLife();
    this.#patience = setTimeout(() => {
      if (this.#init !== undefined) native.signalPidfd(this.#init, SIGKILL);
    }, PATIENCE_WITH_LAUNCHER);
  }

  #onBatch(filled: number, received: number[], status: number): number {
    this.#fds.push(...received);
    let consumed = filled;
    let failed = false;
    try {
      consumed = this.#parser.push(filled);
    } catch {
      failed = true;
    }
    if (failed || status !== BatchStatus.Open) this.#endLife();
    return consumed;
  }

  /** The launcher is gone, or makes no sense; without its life socket it ends, and the tree with it. */
  #endLife(): void {
    if (this.#lifeEnded) return;
    this.#lifeEnded = true;
    this.#life.close();
    this.kill();
    this.#resolveStarted(undefined);
    this.#resolveListening();
    this.#resolveExecuted(false);
    this.#settle();
  }

  #onFrame(tag: number, payload: Buffer): void {
    switch (tag) {
      case Tag.Stage:
        this.#init = this.#watch(this.#takeFd());
        if (this.#killed) this.kill();
        break;
      case Tag.Launched:
        this.#sandboxee = this.#takeFd();
        if (this.#killed) this.kill();
        this.#resolveStarted(this.#sandboxee);
        break;
      case Tag.Listener:
        this.#listener = this.#takeFd();
        this.#resolveListening();
        break;
      case Tag.Executed:
        this.#resolveExecuted(true);
        break;
      case Tag.Failed:
        this.#failure ??= {
          index: payload.readUInt32LE(0),
          op: payload.readUInt32LE(4),
          errno: payload.readInt32LE(8),
          detail: escapeText(payload.toString('utf8', 12), { max: 1024 }),
        };
        break;
      case Tag.Exited:
        this.#status = parseWaitStatus(payload.readInt32LE(0));
        break;
    }
  }

  #takeFd(): number {
    const fd = this.#fds.shift();
    if (fd === undefined) throw new Error('the launcher sent a frame without its pidfd');
    return fd;
  }

  /** Reaps a process when it ends. The outer launcher's end tells nothing; pid 1's is the end of the tree. */
  #watch(pidfd: number): number {
    this.#watched.add(pidfd);
    try {
      native.watchPidfd(pidfd, () => this.#reaped(pidfd, native.waitPidfd(pidfd)));
    } catch {
      this.#endUnwatched(pidfd);
    }
    return pidfd;
  }

  #reaped(pidfd: number, wait: native.WaitStatus | null): void {
    if (wait && pidfd === this.#init) this.#usage = wait.usage;
    this.#watched.delete(pidfd);
    if (pidfd !== this.#init) closeSync(pidfd);
    this.#settle();
  }

  /** There was no fd for the copy that a watcher keeps: it comes to nothing, and is asked after until it is reaped. */
  #endUnwatched(pidfd: number): void {
    native.signalPidfd(pidfd, SIGKILL);
    const timer = setInterval(() => {
      const wait = native.waitPidfd(pidfd);
      if (wait === null) return;
      clearInterval(timer);
      this.#reaped(pidfd, wait);
    }, UNWATCHED_ROUND);
  }

  #settle(): void {
    if (!this.#lifeEnded || this.#watched.size > 0) return;
    for (const fd of [this.#init, this.#sandboxee, this.takeListener(), ...this.#fds]) {
      if (fd !== undefined) closeSync(fd);
    }
    clearTimeout(this.#patience);
    this.#over = true;
    this.#init = undefined;
    this.#sandboxee = undefined;
    this.#resolveEnded({ status: this.#status, failure: this.#failure, usage: this.#usage });
  }
}

/** The word that waitpid(2) gives. */
function parseWaitStatus(word: number): native.ExitStatus {
  const signal = word & 0x7f;
  return signal === 0
    ? { kind: 'exited', code: (word >> 8) & 0xff }
    : { kind: 'signaled', signal, core: (word & 0x80) !== 0 };
}
