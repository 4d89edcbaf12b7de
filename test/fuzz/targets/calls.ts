import { callLimits } from '../../../protocols/calls/limits.js';
import { Peer } from '../../../protocols/calls/peer.js';
import { service } from '../../../protocols/calls/service.js';
import { Fd } from '../../../protocols/fd.js';
import type { Remote } from '../../../protocols/schema/index.js';
import { Everything, Logger, type Store, serveEverything } from '../../calls/support.js';
import { HostilePeer, settle } from '../../comms/support.js';
import { Choices } from '../choices.js';
import { type FuzzTarget, mustHold } from '../target.js';
import { HostileScript } from './hostile-script.js';

const MOST_STEPS = 80;
const LIMITS = { maxMessage: 8192, slab: 4096, receiveHighWater: 65_536, sendHighWater: 32_768, sendMax: 131_072 };
/** Turns of the event loop in which all must have come to its end, once the channel is closed. */
const TURNS_TO_END = 30;

/**
 * Sequences of frames, from a peer that both serves and calls, against a real Peer that does the same meanwhile. Nothing is
 * thrown outside of a promise, what is in flight keeps to its limits, a violation is told once and ends the channel, and when
 * that is closed every call of ours has ended and every fd is closed.
 */
export const calls: FuzzTarget = {
  name: 'calls',
  most: 800,
  words: ['\0\0', '\x02\0\0', '\x0c\0', '\x11\0', '\x13\0'],
  seeds: () => [
    Buffer.from([0, 1, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from(Array.from({ length: 400 }, (_, n) => (n * 7) % 256)),
  ],
  run: async (input) => {
    const escaped: unknown[] = [];
    const onEscape = (error: unknown): void => {
      escaped.push(error);
    };
    process.on('unhandledRejection', onEscape);
    try {
      await new Session(new Choices(input)).run();
    } finally {
      process.off('unhandledRejection', onEscape);
    }
    if (escaped.length > 0) throw escaped[0];
  },
};

class Session {
  readonly #choices: Choices;
  readonly #hostile = new HostilePeer({ limits: LIMITS });
  readonly #peer: Peer;
  readonly #remote: Remote<typeof Everything>;
  readonly #script: HostileScript;
  /** What we wait for, by what it is. */
  readonly #pending = new Set<string>();
  readonly #aborters: AbortController[] = [];
  #count = 0;

  constructor(choices: Choices) {
    this.#choices = choices;
    this.#peer = new Peer(this.#hostile.comms);
    const { fds } = this.#hostile;
    const make = (): Fd => Fd.adopt(fds.make(), fds);
    serveEverything({ fd: make }, this.#peer, {
      wait: (_input, context) =>
        new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason))),
      use: async ({ logger, line }) => {
        try {
          await logger.log({ line });
        } finally {
          logger[Symbol.dispose]();
        }
      },
    });
    this.#remote = this.#peer.connect(Everything);
    this.#script = new HostileScript(choices, this.#hostile);
  }

  async run(): Promise<void> {
    const { comms, violations, fds } = this.#hostile;
    for (let step = 0; step < MOST_STEPS && !this.#choices.isOver && violations.length === 0; step++) {
      if (this.#choices.once(6)) this.#ours();
      else this.#attack();
      if (this.#choices.once(4)) await settle(1 + this.#choices.below(3));
      this.#checkUsage();
    }
    // An fd takes a turn.
    await settle(this.#script.sent > 20 ? this.#script.sent : 6);
    this.#checkUsage();
    // Of one message that is not there yet, and of calls in flight.
    const most = callLimits.attached + this.#peer.usage().served.fds.used;
    mustHold(fds.open.size <= most, `${fds.open.size} fds are held open, where ${most} may be`);
    if (this.#choices.once(2)) this.#hostile.transport.close();
    else comms.close();
    comms.close();
    this.#hostile.transport.close();
    for (let turn = 0; turn < TURNS_TO_END && this.#pending.size > 0; turn++) await settle(1);
    await settle(4);
    mustHold(this.#pending.size === 0, `after the end this still waits: ${[...this.#pending].join(', ')}`);
    mustHold(violations.length <= 1, `the violation was told ${violations.length} times`);
    mustHold(fds.open.size === 0, `after the end ${fds.open.size} fds are open`);
    const { made, served, remotes } = this.#peer.usage();
    const left = [
      made.calls,
      made.bytes,
      made.fds,
      served.calls,
      served.bytes,
      served.fds,
      remotes.held,
      remotes.given,
    ];
    mustHold(
      left.every(({ used }) => used === 0),
      `after the end this is in use: ${left.map(({ used }) => used).join(' ')}`,
    );
  }

  #attack(): void {
    try {
      this.#script.step();
    } catch (error) {
      // The victim has closed the channel.
      if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
    }
  }

  #checkUsage(): void {
    const { made, served, remotes, queued } = this.#peer.usage();
    for (const { used, limit } of [
      made.calls,
      made.fds,
      served.calls,
      served.fds,
      remotes.held,
      remotes.given,
      queued,
    ]) {
      mustHold(used >= 0 && used <= limit, `${used} are in use where ${limit} may be`);
    }
    for (const { calls, bytes, fds } of [made, served]) {
      mustHold(bytes.used >= 0, 'less than nothing is in use');
      mustHold(calls.used > 0 || bytes.used + fds.used === 0, 'what no call has is in use');
    }
  }

  /** What an app does meanwhile. Some of it, it gives up. */
  #ours(): void {
    const [choices, remote] = [this.#choices, this.#remote];
    const { fds } = this.#hostile;
    const aborter = new AbortController();
    const { signal } = aborter;
    this.#aborters.push(aborter);
    if (choices.once(8)) aborter.abort();
    switch (choices.below(13)) {
      case 0:
        this.#wait('add', remote.add({ a: 1, b: 2 }, { signal }));
        break;
      case 1:
        this.#wait(
          'give',
          remote.give(undefined, { signal }).then(({ file }) => file.close()),
        );
        break;
      case 2:
        this.#wait('take', remote.take({ file: Fd.adopt(fds.make(), fds) }, { signal }));
        break;
      case 3:
        this.#wait(
          'open',
          remote.open({ prefix: 'p' }, { signal }).then(({ store }) => this.#useStore(store)),
        );
        break;
      case 4:
        this.#wait('use', remote.use({ logger: service(Logger, { log: () => {} }), line: 'x' }));
        break;
      case 5:
        this.#wait('count', this.#read(remote.count({ to: 9 }, { signal }), choices.below(4)));
        break;
      case 6:
        this.#wait('blobs', this.#read(remote.blobs({ size: 9 }, { signal }), choices.below(4)));
        break;
      case 7:
        this.#wait('all', this.#read(remote.all, 1 + choices.below(3)));
        break;
      case 8: {
        const listening = remote.some.on(() => {});
        if (choices.once(2)) listening[Symbol.dispose]();
        return;
      }
      case 9:
        this.#wait('wait', remote.wait({ id: 1 }, { signal }));
        break;
      default:
        this.#aborters[choices.below(Math.min(200, this.#aborters.length + 1))]?.abort();
    }
  }

  async #useStore(store: Remote<typeof Store>): Promise<void> {
    try {
      await store.get({ key: 'k' });
    } finally {
      store[Symbol.dispose]();
    }
  }

  async #read(items: AsyncIterable<unknown>, most: number): Promise<void> {
    let read = 0;
    for await (const _ of items) if (++read > most) return;
  }

  #wait(what: string, promise: Promise<unknown>): void {
    const name = `${what} ${this.#count++}`;
    this.#pending.add(name);
    const done = (): boolean => this.#pending.delete(name);
    promise.then(done, done);
  }
}
