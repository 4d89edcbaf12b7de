import { closeSync } from 'node:fs';
import * as native from '../native/broker.js';
import { BufferPool } from '../protocols/buffer-pool.js';
import { offeredPeer } from '../protocols/calls/offer.js';
import type { Peer } from '../protocols/calls/peer.js';
import { Comms } from '../protocols/comms.js';
import { EndpointTransport } from '../protocols/endpoint-transport.js';
import { PeerGone } from '../protocols/errors.js';
import type { Fd } from '../protocols/fd.js';
import { defaultLimits } from '../protocols/limits.js';
import { Tag } from '../protocols/tags.js';
import { Clock } from './clocks.js';
import { publish } from './diagnostics.js';
import { usageOf } from './ending.js';
import { createEvents } from './events.js';
import { GateError } from './gate.js';
import { gateLayers } from './gate-layers.js';
import { Held } from './held.js';
import { callStarted, firstPhase } from './hooks.js';
import type { Layer } from './layers.js';
import { Monitor } from './monitor/monitor.js';
import { monitoredOf } from './monitor/monitored.js';
import { Outputs } from './outputs.js';
import { compiledFor, type Preparation } from './preparation.js';
import type { LaunchedProcess, ProcessEnd } from './process/launched.js';
import { ProcessView, pidOf } from './process/process-view.js';
import { Sampler } from './process/sampler.js';
import { bufferOperations, receivedFds } from './received-fds.js';
import { Reports } from './reports.js';
import type { Aftermath, Ending, Result, SyscallOffence } from './result.js';
import { ringOffer } from './ring-offer.js';
import { openFilesLimit } from './rlimits.js';
import type { Sandboxee } from './sandboxee.js';
import { type Sealed, type Sealing, sealBeforeExec, sealLate } from './seal.js';
import { fromGateError, tooLate } from './setup-errors.js';
import type { ThreadStack } from './stacks/stack.js';
import { Stacks } from './stacks/stacks.js';
import { Verdict } from './verdict.js';
import { wire } from './wiring.js';

/** For the last of what it sent, when somebody else holds its end of the socket. Milliseconds. */
const END_PATIENCE = 500;

/**
 * One sandboxee from its launch to its result: everything that it has of the broker's is held here, and released together
 * when its processes are gone. The first cause of its end is the one that counts.
 */
export class Session {
  readonly #telling = createEvents();
  readonly events = this.#telling.events;
  readonly comms: Comms;
  /** Undefined where no interface was loaded. */
  readonly peer: Peer | undefined;
  readonly pool: BufferPool;
  /** The broker's ends of declared pipes and sockets. Each is the user's, who closes it. */
  readonly fds: ReadonlyMap<string, Fd>;
  /** Never rejects. */
  readonly result: Promise<Result>;

  readonly #preparation: Preparation;
  readonly #process: LaunchedProcess;
  readonly #commsInode: bigint;
  readonly #outputs: Outputs;
  readonly #held = new Held();
  readonly #wall: Clock;
  readonly #reports: Reports;
  readonly #verdict: Verdict;
  #layers: readonly Layer[];
  #sampler: Sampler | undefined;
  #monitor: Monitor | undefined;
  #stacks: Stacks | undefined;
  #view: ProcessView | undefined;
  #passing: Promise<void> = Promise.resolve();
  #inStartedHook = false;
  #gone = false;

  /** @param preparation owned, also when this throws */
  constructor(preparation: Preparation) {
    this.#preparation = this.#held.add(preparation);
    const { limits, signal } = preparation;
    this.#layers = preparation.layers;
    this.#reports = new Reports(this.events, preparation.hooks, () => this.pid);
    this.#verdict = new Verdict(this.#reports);
    try {
      const wiring = wire(preparation.plan, preparation.fds, preparation.file, preparation.tier, preparation.group);
      this.#process = wiring.process;
      this.#commsInode = wiring.commsInode;
      this.fds = wiring.fds;
      this.#outputs = new Outputs(wiring, (stream, text) => this.events.emit('output', stream, text));
      this.pool = new BufferPool(bufferOperations, {
        sharedMemory: limits.sharedMemory,
        sharedBuffers: defaultLimits.sharedBuffers,
      });
      this.comms = new Comms(new EndpointTransport(wiring.comms), {
        role: 'broker',
        phase: firstPhase(preparation.mode, preparation.hooks),
        fds: receivedFds,
        buffers: this.pool,
        ring: preparation.mode === 'late' ? ringOffer() : undefined,
        onViolation: ({ message }) => {
          this.#monitor?.report();
          this.#verdict.violated({ kind: 'protocol', detail: message });
          this.#process.kill();
        },
      });
    } catch (error) {
      this.#held[Symbol.dispose]();
      throw error;
    }
    this.comms.start().unref();
    this.#wall = this.#held.add(new Clock((asked, used) => this.end({ status: 'timeout', asked, used })));
    this.#wall.arm(limits.wallTime);
    const gate = new Clock((asked) => {
      if (!this.#gone) this.end(tooLate(asked, this.#inStartedHook));
    });
    this.#held.add(gate).arm(limits.gateTime);
    if (signal) this.#heed(signal);
    this.result = this.#process.ended.then((end) => this.#finish(end));
    // Nothing of a call can have arrived: none crosses before *go*.
    this.peer = offeredPeer(this.comms, { services: preparation.services, outcome: this.result });
    void this.result.then((result) => this.#reports.ended(result));
  }

  get pid(): number {
    return this.#view?.pid ?? -1;
  }

  /** Milliseconds from now, or `Infinity`. */
  setWallTime(time: number): void {
    this.#wall.arm(time);
  }

  get layers(): readonly Layer[] {
    return this.#layers;
  }

  /** Kills the tree. The first cause counts: also a violation that the monitor has seen and not yet had the time to tell. */
  end(cause: Ending): void {
    this.#monitor?.report();
    const before = this.#verdict.isSettled ? undefined : this.#stacks?.beforeEnd(cause.status);
    this.#verdict.settle(cause);
    if (before === undefined) this.#process.kill();
    else void before.then(() => this.#process.kill());
  }

  /** The stack of every thread, while it runs; empty once it has ended. */
  async dump(): Promise<readonly ThreadStack[]> {
    return (await this.#stacks?.dump()) ?? [];
  }

  /** @param signal a number */
  signal(signal: number): void {
    this.#process.signal(signal);
  }

  /** From the launcher's start to *go*. Resolves with whether it got there; if not, `result` says why. */
  async passGate(handle: Sandboxee): Promise<boolean> {
    this.#passing = this.#passGate(handle);
    try {
      await this.#passing;
    } catch (error) {
      // A peer that is gone has ended by itself: its end, which is on its way, says more than the broken channel.
      if (!(error instanceof PeerGone)) this.end(fromGateError(error));
    }
    // After whoever awaits the launch has had the time to listen.
    if (this.#gone) setImmediate(() => this.#telling.release());
    return this.#gone;
  }

  async #passGate(handle: Sandboxee): Promise<void> {
    const pidfd = await this.#process.started;
    const init = this.#process.init;
    if (pidfd === undefined || init === undefined) return;
    const launcher = this.#held.add(new ProcessView(pidOf(init)));
    const sandboxee = this.#held.add(new ProcessView(pidOf(pidfd)));
    this.#view = sandboxee;
    this.#watch(launcher, sandboxee);
    this.#stacks = new Stacks(sandboxee, this.#preparation.trustedProgram, this.#preparation.stacks);

    const started = (): Promise<void> => this.#callStarted(handle);
    const monitor = (listener: number): void => this.#startMonitor(listener, pidfd, sandboxee.pid);
    const sealed = await this.#seal({ launcher, sandboxee, started, monitor });
    if (sealed === undefined) return;
    const { listener, filtersBelow } = sealed;
    try {
      if (listener !== undefined) await started();
      const { ownAccount, limits } = this.#preparation;
      if (!ownAccount) native.limitOpenFiles(sandboxee.pid, openFilesLimit(limits));
      if (!native.signalPidfd(pidfd, 0)) throw new GateError('gate:verification', 'it ended while it was verified', '');
      // Before an exec is admitted: afterwards there is another program, and its memory, to look at.
      this.#layers = [...this.#layers, ...gateLayers(filtersBelow, sandboxee.speculation(), this.#preparation)];
    } catch (error) {
      if (listener !== undefined) closeSync(listener);
      throw error;
    }
    if (listener !== undefined) monitor(listener);
    await this.#letGo();
    if (this.#gone) publish('launch', { pid: this.pid, layers: this.#layers });
  }

  #seal(sealing: Pick<Sealing, 'launcher' | 'sandboxee' | 'started' | 'monitor'>): Promise<Sealed | undefined> {
    const { mode, fds, inspectable } = this.#preparation;
    if (mode === 'exec') return sealBeforeExec(this.#process, sealing.sandboxee);
    const { program } = compiledFor(this.#preparation, sealing.sandboxee.pid);
    return sealLate({ ...sealing, comms: this.comms, commsInode: this.#commsInode, fds, program, inspectable });
  }

  /** Bounded by the gate's deadline, which ends the process. */
  async #callStarted(handle: Sandboxee): Promise<void> {
    this.#inStartedHook = true;
    await callStarted(this.#preparation.hooks, handle, this.#process.ended);
    this.#inStartedHook = false;
    this.comms.startUpOver();
  }

  async #letGo(): Promise<void> {
    if (this.#preparation.mode === 'late') {
      await this.comms.sendControl(Tag.Go);
      this.#gone = !this.#verdict.isSettled;
    } else {
      // It may have ended since, by itself or by a violation: that is how it went, and no failure to launch it.
      this.#gone = await this.#process.executed;
    }
  }

  #watch(launcher: ProcessView, sandboxee: ProcessView): void {
    const { limits, group } = this.#preparation;
    const sampler = new Sampler(
      launcher,
      sandboxee,
      limits,
      group,
      (excess) => this.end({ status: 'limit', ...excess }),
      (error) => this.end({ status: 'internal-error', message: `it could not be watched: ${String(error)}` }),
    );
    this.#sampler = this.#held.add(sampler);
  }

  #startMonitor(listener: number, pidfd: number, pid: number): void {
    const handlers = this.#reports.handlers({
      onViolation: (offence, held) => this.#offended(offence, held),
      onFailure: (message) =>
        this.#verdict.settle({ status: 'internal-error', message: `the monitor failed: ${message}` }),
    });
    this.#monitor = new Monitor(listener, pidfd, monitoredOf(this.#preparation, pid), handlers);
  }

  #offended(offence: SyscallOffence, held: native.HeldThread | null): void {
    const release = (): void => this.#monitor?.release();
    if (this.#verdict.isSettled || this.#stacks === undefined) {
      release();
      return;
    }
    this.comms.hold();
    this.#verdict.offended(offence, this.#stacks.ofViolation(offence.syscall.thread, held, release));
  }

  #heed(signal: AbortSignal): void {
    const abort = (): void => this.end({ status: 'killed', reason: 'its AbortSignal was aborted' });
    signal.addEventListener('abort', abort, { once: true });
    this.#held.defer(() => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  }

  /** Every process of the tree is gone. What it said last is taken in, and everything released, before the result is. */
  async #finish(end: ProcessEnd): Promise<Result> {
    const usage = usageOf(end);
    let ending: Ending;
    let stacks: readonly ThreadStack[] = [];
    try {
      stacks = await this.#takeInTheLast();
      const { limits, group } = this.#preparation;
      const evidence = {
        usage,
        limits,
        group,
        peak: this.#sampler?.peak,
        gone: this.#gone,
        stderr: this.#outputs.tail,
      };
      ending = this.#verdict.ending(end, evidence);
    } catch (error) {
      ending = outOfOrder(error);
    }
    try {
      this.pool.close();
      this.#held[Symbol.dispose]();
    } catch (error) {
      ending = outOfOrder(error);
    }
    const aftermath: Aftermath = {
      usage,
      layers: this.#layers,
      denials: this.#reports.denials,
      stacks,
      stderr: this.#outputs.tail,
    };
    const result: Result = { ...ending, ...aftermath };
    this.comms.attachResult(result);
    this.#reports.finished(result);
    return result;
  }

  async #takeInTheLast(): Promise<readonly ThreadStack[]> {
    this.#monitor?.report();
    const stacks = (await this.#stacks?.last) ?? [];
    await this.#verdict.told;
    this.#monitor?.[Symbol.dispose]();
    await Promise.all([this.#outputs.finish(), this.comms.finish(END_PATIENCE)]);
    // What it said of its failure may be among the last that it sent, and nothing of what is released may be in use.
    await this.#passing.catch(() => {});
    return stacks;
  }
}

function outOfOrder(error: unknown): Ending {
  return { status: 'internal-error', message: `the end could not be put in order: ${String(error)}` };
}
