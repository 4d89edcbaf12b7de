import { Peer, type PeerOptions } from '../../protocols/calls/peer.js';
import { service } from '../../protocols/calls/service.js';
import { Comms } from '../../protocols/comms.js';
import { Fd } from '../../protocols/fd.js';
import type { ChannelLimitOptions } from '../../protocols/limits.js';
import { type MemoryPairOptions, type MemoryTransport, memoryPair } from '../../protocols/memory-transport.js';
import { defineInterface, type Implementation, t } from '../../protocols/schema/index.js';
import { FakeFds } from '../comms/support.js';

export interface Side {
  readonly comms: Comms;
  readonly peer: Peer;
}

/** Two peers joined in memory. The fds of both are of one table, so that it shows whether each was closed, once. */
export class PeerPair {
  readonly fds: FakeFds;
  readonly violations: string[] = [];
  readonly broker: Side;
  readonly sandboxee: Side;
  readonly transports: readonly [MemoryTransport, MemoryTransport];

  constructor(
    options: {
      readonly pair?: MemoryPairOptions;
      readonly limits?: ChannelLimitOptions;
      readonly broker?: PeerOptions;
      readonly sandboxee?: PeerOptions;
      /** Where fds go from one pair to another. */
      readonly fds?: FakeFds;
    } = {},
  ) {
    this.fds = options.fds ?? new FakeFds();
    this.transports = memoryPair({ closeFd: this.fds.close, ...options.pair });
    const make = (index: 0 | 1, role: 'broker' | 'sandboxee', peer: PeerOptions | undefined): Side => {
      const comms = new Comms(this.transports[index], {
        role,
        fds: this.fds,
        limits: options.limits ?? {},
        onViolation: ({ message }) => this.violations.push(message),
      });
      const side = { comms, peer: new Peer(comms, peer) };
      comms.start();
      return side;
    };
    this.broker = make(0, 'broker', options.broker);
    this.sandboxee = make(1, 'sandboxee', options.sandboxee);
  }

  fd(facts: Parameters<FakeFds['make']>[0] = {}): Fd {
    return Fd.adopt(this.fds.make(facts), this.fds);
  }

  close(): void {
    this.broker.comms.close();
    this.sandboxee.comms.close();
  }
}

export const Logger = defineInterface('logger@1', {
  log: t.method({ input: { line: t.string({ max: 1000 }) } }),
});

export const Store = defineInterface('store@1', {
  get: t.method({ input: { key: t.string({ max: 100 }) }, output: { value: t.optional(t.string()) } }),
  set: t.method({ input: { key: t.string({ max: 100 }), value: t.string() }, errors: ['read-only'] }),
});

export const Everything = defineInterface('everything@1', {
  add: t.method({ input: { a: t.int32(), b: t.int32() }, output: t.int32() }),
  echo: t.method({ input: { bytes: t.bytes() }, output: { bytes: t.bytes() } }),
  wait: t.method({ input: { id: t.uint32() }, output: t.uint32() }),
  fail: t.method({ input: { how: t.string() }, output: t.uint32(), errors: ['too-large', 'wrong-kind'] }),
  nothing: t.method(),
  take: t.method({ input: { file: t.fd('file') }, output: t.uint32() }),
  give: t.method({ output: { file: t.fd('file') }, errors: ['none'] }),
  open: t.method({ input: { prefix: t.string() }, output: { store: t.remote(Store) } }),
  use: t.method({ input: { logger: t.remote(Logger), line: t.string() } }),
  count: t.stream({ input: { to: t.uint32() }, item: t.uint32(), errors: ['stuck'], window: 4 }),
  blobs: t.stream({ input: { size: t.uint32() }, item: t.bytes(), window: 1000, windowBytes: 10_000 }),
  latest: t.event({ n: t.uint32() }, { overflow: 'latest' }),
  some: t.event({ n: t.uint32(), pad: t.bytes() }, { overflow: 'drop-oldest', window: 4 }),
  all: t.event({ n: t.uint32(), pad: t.bytes() }, { overflow: 'error', window: 4 }),
});

export type Handlers = Implementation<typeof Everything>;

/** Serves all of it, with what a test replaces. */
export function serveEverything(pair: { fd(): Fd }, peer: Peer, replaced: Partial<Handlers> = {}) {
  return peer.serve(Everything, handlersOf(pair, replaced));
}

export function handlersOf(pair: { fd(): Fd }, replaced: Partial<Handlers> = {}): Handlers {
  const never = () => new Promise<never>(() => {});
  return {
    add: ({ a, b }) => a + b,
    echo: async ({ bytes }) => ({ bytes }),
    wait: never,
    fail: ({ how }, context) => {
      if (how === 'too-large') throw context.fail('too-large', 'it has 7 heads');
      throw new Error(`secret: ${how}`);
    },
    nothing: () => {},
    take: ({ file }) => {
      file.close();
      return 1;
    },
    give: () => ({ file: pair.fd() }),
    open: ({ prefix }) => {
      const values = new Map<string, string>();
      return {
        store: service(Store, {
          get: ({ key }) => {
            const value = values.get(prefix + key);
            return value === undefined ? {} : { value };
          },
          set: ({ key, value }) => {
            values.set(prefix + key, value);
          },
        }),
      };
    },
    use: async ({ logger, line }) => {
      await logger.log({ line });
      logger[Symbol.dispose]();
    },
    count: async function* ({ to }) {
      for (let n = 0; n < to; n++) yield n;
    },
    blobs: function* ({ size }) {
      for (;;) yield Buffer.alloc(size);
    },
    ...replaced,
  };
}
