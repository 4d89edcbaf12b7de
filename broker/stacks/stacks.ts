import * as native from '../../native/broker.js';
import { ifThere, ProcessView } from '../process/process-view.js';
import type * as collect from './collect.js';
import { HOLD_TIME, type StackOptions } from './options.js';
import { noStack, type ThreadStack } from './stack.js';

/** `dump()` lets the threads go on after this, whatever has been read by then. Milliseconds. */
const DUMP_TIME = 2000;

/** The stacks of one sandboxee. What takes them is loaded when the first is taken: a launch does not pay for it. */
export class Stacks {
  readonly #view: ProcessView;
  readonly #program: string;
  readonly #options: Required<StackOptions>;
  /** A thread has one tracer at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Taken of what is ending. */
  #last: Promise<readonly ThreadStack[]> = Promise.resolve([]);

  /** @param program a file that the host trusts */
  constructor(view: ProcessView, program: string, options: Required<StackOptions>) {
    this.#view = view;
    this.#program = program;
    this.#options = options;
  }

  /** Those that were taken for the end. Never rejects. */
  get last(): Promise<readonly ThreadStack[]> {
    return this.#last;
  }

  /** @param held by the monitor; `release` lets it kill, and is called in any case */
  ofViolation(thread: number, held: native.HeldThread | null, release: () => void): Promise<ThreadStack> {
    if (!this.#options.violation) {
      release();
      return Promise.resolve(noStack(thread, 'stacks.violation is false'));
    }
    const stacks = this.#ofViolation(thread, held)
      .catch((error: unknown) => [noStack(thread, messageOf(error))])
      .finally(release);
    this.#last = stacks;
    return stacks.then(([first]) => first ?? noStack(thread, 'none was taken'));
  }

  async #ofViolation(thread: number, held: native.HeldThread | null): Promise<ThreadStack[]> {
    if (held === null) return [noStack(thread, 'the thread could not be held')];
    const { whyNotHeld } = await load();
    if (held.errno !== 0) return [noStack(thread, whyNotHeld(held.errno))];
    const tasks = this.#tasks();
    if (tasks.includes(thread)) {
      const others = this.#options.allThreads ? tasks.filter((tid) => tid !== thread) : [];
      return this.#take(others, HOLD_TIME, [held]);
    }
    // Of a process that the sandboxee started. It is held, so that its number stays its own.
    using child = ifThere(() => new ProcessView(thread));
    if (child === undefined) return [noStack(thread, 'it was gone before its stack was read')];
    return await new Stacks(child, this.#program, this.#options).#take([], HOLD_TIME, [held]);
  }

  /** Undefined where none is asked for such an end. Otherwise when it may be killed: never rejects, and is never late. */
  beforeEnd(status: string): Promise<unknown> | undefined {
    const asked = status === 'timeout' ? this.#options.timeout : status === 'killed' && this.#options.kill;
    if (!asked) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, HOLD_TIME);
    });
    const tids = this.#options.allThreads ? this.#tasks() : [this.#view.pid];
    const read = new Promise<void>((resolve) => {
      this.#last = this.#take(tids, HOLD_TIME, [], resolve).finally(resolve);
    });
    return Promise.race([read, late]).finally(() => clearTimeout(timer));
  }

  /** Of every thread. */
  dump(): Promise<ThreadStack[]> {
    return this.#take(this.#tasks(), DUMP_TIME);
  }

  /** The main thread first; none where the process is gone. */
  #tasks(): number[] {
    try {
      return this.#view.tasks();
    } catch {
      return [];
    }
  }

  /** @param onRead nothing more is read of the sandboxee */
  #take(
    tids: readonly number[],
    time: number,
    alreadyHeld: readonly native.HeldThread[] = [],
    onRead: () => void = () => {},
  ): Promise<ThreadStack[]> {
    const taken = this.#turn.then(() => this.#takeNow(tids, time, alreadyHeld, onRead));
    this.#turn = taken;
    return taken;
  }

  async #takeNow(
    tids: readonly number[],
    time: number,
    alreadyHeld: readonly native.HeldThread[],
    onRead: () => void,
  ): Promise<ThreadStack[]> {
    try {
      const { collectStacks } = await load();
      const { held, release } = await hold(tids, time);
      return await collectStacks(this.#view, this.#program, [...alreadyHeld, ...held], () => {
        release();
        onRead();
      });
    } catch (error) {
      return [...alreadyHeld.map(({ tid }) => tid), ...tids].map((tid) => noStack(tid, messageOf(error)));
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function load(): Promise<typeof collect> {
  return import('./collect.js');
}

/** As many threads as the addon takes at once. */
const MOST_HELD = 1024;

function hold(
  tids: readonly number[],
  time: number,
): Promise<{ readonly held: readonly native.HeldThread[]; readonly release: () => void }> {
  if (tids.length === 0) return Promise.resolve({ held: [], release: () => {} });
  return new Promise((resolve) => {
    const release = native.holdThreads(tids.slice(0, MOST_HELD), time, (held) => resolve({ held, release }));
  });
}
