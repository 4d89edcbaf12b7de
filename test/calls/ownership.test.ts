import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { BufferPool } from '../../protocols/buffer-pool.js';
import { Peer } from '../../protocols/calls/peer.js';
import { type Deferred, defer } from '../../protocols/deferred.js';
import { MappedBuffers } from '../../protocols/mapped-buffer.js';
import { defineInterface, type Remote, t } from '../../protocols/schema/index.js';
import { KiB } from '../../protocols/units.js';
import { brokerMemory, closePair, memoryComms, rejection, settle, turn } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { Everything, PeerPair, type Store, serveEverything } from './support.js';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

async function collectAll(): Promise<void> {
  for (let count = 0; count < 20; count++) {
    await turn();
    collect();
  }
  await settle();
}

describe('a remote that was forgotten', () => {
  leakGate();
  let pair: PeerPair;
  beforeEach(() => {
    pair = new PeerPair();
    serveEverything(pair, pair.sandboxee.peer);
  });
  afterEach(() => pair.close());

  const given = () => pair.sandboxee.peer.usage().remotes.given.used;

  it('is released once it is collected', async () => {
    const remote = pair.broker.peer.connect(Everything);
    await (async () => {
      await remote.open({ prefix: '' });
    })();
    expect(given()).to.equal(1);
    await collectAll();
    expect(given()).to.equal(0);
    expect(pair.broker.peer.usage().remotes.held.used).to.equal(0);
  });

  it('is held as long as any of its methods is', async () => {
    const remote = pair.broker.peer.connect(Everything);
    const methods: Remote<typeof Store>['get'][] = [];
    await (async () => {
      methods.push((await remote.open({ prefix: '' })).store.get);
    })();
    await collectAll();
    expect(given()).to.equal(1);
    expect(await methods[0]?.({ key: 'a' })).to.deep.equal({});
  });
});

describe('the input of a call', () => {
  leakGate();
  const Blobs = defineInterface('blobs@1', { put: t.method({ input: { bytes: t.bytes() } }) });

  it('is not kept once it was sent', async () => {
    const pair = new PeerPair();
    pair.sandboxee.peer.serve(Blobs, { put: () => {} });
    const remote = pair.broker.peer.connect(Blobs);
    const sent = await (async () => {
      const bytes = Buffer.alloc(256 * KiB);
      await remote.put({ bytes });
      return new WeakRef(bytes.buffer);
    })();
    await collectAll();
    expect(sent.deref()).to.equal(undefined);
    pair.close();
  });
});

describe('a shared buffer of a call', () => {
  leakGate();
  const Both = defineInterface('both@1', {
    put: t.method({ input: { head: t.bytes(), memory: t.sharedBuffer('unsafe') }, output: t.string() }),
  });

  it('may go with bytes of itself', async () => {
    const pool = new BufferPool(brokerMemory, { sharedMemory: 4 * size, sharedBuffers: 2 });
    const pair = memoryComms({ closeFd: brokerMemory.close }, { buffers: pool }, { buffers: new MappedBuffers() });
    new Peer(pair.sandboxee).serve(Both, {
      put: ({ head, memory }) => {
        using _memory = memory;
        return `${head.length} ${head.every((byte) => byte === 3)}`;
      },
    });
    const remote = new Peer(pair.broker).connect(Both);
    for (const length of [100, 8 * KiB, 20 * KiB, size]) {
      const memory = pair.broker.createBuffer(size, 'unsafe');
      memory.unsafeBytes().fill(3);
      const head = memory.unsafeBytes().subarray(0, length);
      expect(await remote.put({ head, memory })).to.equal(`${length} true`);
    }
    closePair(pair);
    pool.close();
  });
  const Memory = defineInterface('memory@1', {
    get: t.method({ output: { memory: t.sharedBuffer('writable') } }),
    put: t.method({ input: { memory: t.sharedBuffer('writable'), wrong: t.uint8() } }),
  });
  const size = 64 * KiB;

  it('that comes late, is refused, or cannot be sent is let go of: the quota has room for the next', async () => {
    const pool = new BufferPool(brokerMemory, { sharedMemory: 2 * size, sharedBuffers: 2 });
    const pair = memoryComms({ closeFd: brokerMemory.close }, { buffers: pool }, { buffers: new MappedBuffers() });
    const answer: Deferred<void>[] = [];
    let failures = 0;
    new Peer(pair.sandboxee).serve(Memory, {
      get: async () => {
        const gate = defer<void>();
        answer.push(gate);
        await gate.promise;
        const memory = await pair.sandboxee.requestBuffer(size).catch((error: unknown) => {
          failures++;
          throw error;
        });
        return { memory };
      },
      put: ({ memory }) => memory.close(),
    });
    const remote = new Peer(pair.broker).connect(Memory);
    for (let count = 0; count < 10; count++) {
      const controller = new AbortController();
      const call = remote.get(undefined, { signal: controller.signal }).catch(() => {});
      await settle();
      answer.pop()?.resolve();
      if (count % 2 === 0) await turn();
      controller.abort();
      await call.then((given) => given?.memory.close());
      await settle();
      const error = await rejection(remote.put({ memory: pair.broker.createBuffer(size, 'writable'), wrong: 256 }));
      expect(error).to.have.property('code', 'ERR_SALLYPORT_INVALID_ARGUMENT');
      await rejection(remote.put({ memory: pair.broker.createBuffer(size, 'read-only'), wrong: 1 }));
      await remote.put({ memory: pair.broker.createBuffer(size, 'writable'), wrong: 1 });
      await settle();
    }
    expect(failures).to.equal(0);
    closePair(pair);
    pool.close();
  });

  it('of one memory crosses by its id after the first time, and what stays mapped is counted', async () => {
    let sent = 0;
    const counted = {
      ...brokerMemory,
      duplicate: (fd: number) => {
        sent += 1;
        return brokerMemory.duplicate(fd);
      },
    };
    const pool = new BufferPool(counted, { sharedMemory: size, sharedBuffers: 1 });
    const pair = memoryComms({ closeFd: brokerMemory.close }, { buffers: pool }, { buffers: new MappedBuffers() });
    const inside = new Peer(pair.sandboxee);
    inside.serve(Memory, {
      get: async () => {
        const memory = await pair.sandboxee.requestBuffer(size);
        memory.unsafeBytes()[9] = 9;
        return { memory };
      },
      put: ({ memory }) => memory.close(),
    });
    const outside = new Peer(pair.broker);
    const remote = outside.connect(Memory);
    const limit = 256 * KiB * KiB;
    expect([inside.usage().mapped, outside.usage().mapped]).to.deep.equal([
      { used: 0, limit },
      { used: 0, limit },
    ]);
    for (let round = 0; round < 10; round += 1) {
      const { memory } = await remote.get();
      expect(memory.copyOut(9, 10)[0]).to.equal(9);
      await remote.put({ memory, wrong: 1 });
    }
    expect(sent).to.equal(1);
    expect([inside.usage().mapped.used, outside.usage().mapped.used]).to.deep.equal([size, 0]);
    closePair(pair);
    expect(inside.usage().mapped.used).to.equal(0);
    pool.close();
  });
});
