import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { Fd, launch, node, policies, type Sandboxee } from '../../broker/index.js';
import { defer } from '../../protocols/deferred.js';
import { type Context, type Remote, service } from '../../protocols/index.js';
import { ringDefaults } from '../../protocols/ring.js';
import { KiB, MiB } from '../../protocols/units.js';
import { rejection } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { Blocker, Files } from './fixtures/blocking.js';

interface Started extends AsyncDisposable {
  readonly sandboxee: Sandboxee;
  readonly blocker: Remote<typeof Blocker>;
  /** What it was asked to read. */
  readonly read: string[];
}

async function start(onRead: (started: Started, name: string) => Promise<void> | void = () => {}): Promise<Started> {
  const read: string[] = [];
  const asked = defer<void>();
  let emit: (n: number) => void = () => {};
  const files = service(Files, {
    read: async ({ name, size }, context: Context<'no-such-file'>) => {
      read.push(name);
      await onRead(started, name);
      if (name === 'none') throw context.fail('no-such-file');
      return { text: `${name}!`, data: Buffer.alloc(size, 7) };
    },
    open: () => ({ file: Fd.open('/etc/passwd') }),
    never: () => new Promise<void>(() => {}),
    later: ({ milliseconds }) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    tick: ({ n }) => emit(n),
    leave: () => started.sandboxee.kill('enough'),
    setting: () => {
      asked.resolve();
      return 'early';
    },
  });
  emit = (n) => files.emit.ticks({ n });
  const sandboxee = await launch(node(new URL('./fixtures/blocking.worker.js', import.meta.url)), {
    policy: policies.node().build(),
    limits: { wallTime: 20_000 },
    services: [files],
    hooks: {
      started: async () => {
        await asked.promise;
        await nextTurn();
      },
    },
  });
  const started: Started = {
    sandboxee,
    blocker: sandboxee.connect(Blocker),
    read,
    [Symbol.asyncDispose]: () => sandboxee[Symbol.asyncDispose](),
  };
  return started;
}

describe('a call that blocks the sandboxee', () => {
  leakGate();

  it('gives what the method gives: values of every size, and fds', async () => {
    await using started = await start();
    for (const size of [0, 100, 64 * KiB, MiB, 3 * MiB]) {
      expect(await started.blocker.read({ name: 'a', size })).to.equal(`a! ${size} true`);
    }
    expect(await started.blocker.openedAs()).to.be.above(0);
    for (let n = 0; n < ringDefaults.after; n += 1) await started.blocker.read({ name: `r${n}`, size: n });
    expect(await started.blocker.read({ name: 'ring', size: 3 * MiB })).to.equal(`ring! ${3 * MiB} true`);
  });

  it('can be made in the start-up, of what may be called then', async () => {
    await using started = await start();
    expect(await started.blocker.setting()).to.equal('early');
  });

  it('throws what the method would reject with, and leaves the next one as it should be', async () => {
    await using started = await start();
    expect(await started.blocker.failures()).to.deep.equal([
      'RemoteError no-such-file',
      'InvalidArgument ERR_SALLYPORT_INVALID_ARGUMENT',
      'TimeoutError ERR_SALLYPORT_TIMEOUT',
      'InvalidArgument ERR_SALLYPORT_INVALID_ARGUMENT',
      'AbortError 20',
      'ClosedError ERR_SALLYPORT_CLOSED',
      'InvalidArgument ERR_SALLYPORT_INVALID_ARGUMENT',
      'none',
    ]);
    expect(started.read).to.deep.equal(['none', 'there']);
  });

  it('keeps what else arrives for afterwards, in its order', async () => {
    const notes: Promise<void>[] = [];
    await using started = await start(async ({ blocker }, name) => {
      notes.push(blocker.note({ n: Number(name.slice(1)) }));
      await new Promise((resolve) => setTimeout(resolve, 2));
    });
    expect(await started.blocker.meanwhile({ reads: 300 })).to.deep.equal([]);
    await Promise.all(notes);
    expect(notes).to.have.length(300);
    expect(await started.blocker.meanwhile({ reads: 0 })).to.deep.equal([]);
  });

  it('calls the listeners of events afterwards, who may block as well', async () => {
    await using started = await start();
    expect(await started.blocker.ticks()).to.deep.equal(['0', 'tick 1', 'tick 2', 'tick 9', 'listener!']);
  });

  it('holds up no answer and no stream that waits for room, neither then nor afterwards', async () => {
    await using started = await start();
    const { blocker } = started;
    for (let round = 0; round < 3; round += 1) {
      const blocked = blocker.block({ milliseconds: 100 });
      const large = blocker.large({ size: 12 * MiB });
      const pages: number[] = [];
      const read = (async () => {
        for await (const page of blocker.pages()) pages.push(page[0] ?? -1);
      })();
      await blocked;
      expect((await large).length).to.equal(12 * MiB);
      await read;
      expect(pages).to.have.length(40);
      expect(await blocker.read({ name: 'after', size: 1 })).to.equal('after! 1 true');
    }
  });

  it('ends where the broker kills, and where it closes the channel', async () => {
    await using started = await start();
    const leaving = started.blocker.leave();
    expect(await rejection(leaving)).to.have.property('name', 'PeerGone');
    expect(await started.sandboxee.result).to.include({ status: 'killed' });

    await using closed = await start(({ sandboxee }) => sandboxee.comms.close());
    void rejection(closed.blocker.read({ name: 'x', size: 0 }));
    expect(await closed.sandboxee.result).to.have.property('status');
  });
});
