import { expect } from 'chai';
import { service } from '../../protocols/calls/service.js';
import { defer } from '../../protocols/deferred.js';
import {
  ClosedError,
  InterfaceMismatch,
  InvalidArgument,
  LimitExceeded,
  PeerGone,
  RemoteError,
  TimeoutError,
} from '../../protocols/errors.js';
import { type Context, defineInterface, t } from '../../protocols/schema/index.js';
import { rejection, settle, thrown } from '../comms/support.js';
import { Everything, type Handlers, Logger, PeerPair, serveEverything } from './support.js';

for (const [caller, server] of [
  ['broker', 'sandboxee'],
  ['sandboxee', 'broker'],
] as const) {
  describe(`calls of the ${caller}, served by the ${server}`, () => {
    let pair: PeerPair;
    beforeEach(() => {
      pair = new PeerPair();
    });
    afterEach(() => {
      pair.close();
      expect(pair.violations).to.deep.equal([]);
      expect(pair.fds.open.size).to.equal(0);
    });
    const connect = (replaced: Partial<Handlers> = {}) => {
      const served = serveEverything(pair, pair[server].peer, replaced);
      return { served, remote: pair[caller].peer.connect(Everything) };
    };

    it('return what the handler returns', async () => {
      const { remote } = connect();
      expect(await remote.add({ a: 2, b: -5 })).to.equal(-3);
      expect((await remote.echo({ bytes: Buffer.from('x') })).bytes.toString()).to.equal('x');
      expect(await remote.nothing()).to.equal(undefined);
    });

    it('run at the same time, and are answered in any order', async () => {
      const waiting = new Map<number, (id: number) => void>();
      const { remote } = connect({ wait: ({ id }) => new Promise((resolve) => waiting.set(id, resolve)) });
      const calls = [1, 2, 3].map((id) => remote.wait({ id }));
      await settle();
      for (const id of [3, 1, 2]) waiting.get(id)?.(id * 10);
      expect(await Promise.all(calls)).to.deep.equal([10, 20, 30]);
    });

    it('fail by a code that the interface declares, with no stack', async () => {
      const { remote } = connect();
      const error = await rejection(remote.fail({ how: 'too-large' }));
      expect(error).to.be.instanceOf(RemoteError);
      expect(error).to.include({ code: 'too-large', detail: 'it has 7 heads' });
    });

    it('fail as internal where the handler throws anything else, and nothing of that crosses', async () => {
      const { remote } = connect();
      const error = await rejection(remote.fail({ how: 'password' }));
      expect(error).to.have.property('code', 'internal');
      expect(String(error)).to.not.contain('secret');
    });

    it('fail as internal where the handler returns what is not of the interface', async () => {
      const { remote } = connect({ add: () => 0.5 });
      expect(await rejection(remote.add({ a: 1, b: 1 }))).to.have.property('code', 'internal');
      expect(await remote.echo({ bytes: Buffer.alloc(0) })).to.deep.equal({ bytes: Buffer.alloc(0) });
    });

    it('are refused here where the input is not of the interface', async () => {
      const { remote } = connect();
      const error = await rejection(remote.add({ a: 2 ** 31, b: 0 }));
      expect(error).to.be.instanceOf(InvalidArgument);
      expect(error).to.have.property('message').that.contains('a: 2147483648 is not an integer');
    });

    it('move an fd, and close it where the call cannot be made', async () => {
      const { remote } = connect();
      const file = pair.fd();
      expect(await remote.take({ file })).to.equal(1);
      expect(thrown(() => file.number)).to.have.property('code', 'ERR_SALLYPORT_USE_AFTER_MOVE');
      await rejection(remote.take({ file: pair.fd({ mode: 0o010000 }) }));
      await rejection(remote.take({ file: pair.fd() }, { signal: AbortSignal.abort() }));
      await rejection(remote.take({ file: pair.fd() }, { timeout: -1 }));
      expect(pair.fds.open.size).to.equal(0);
    });

    it('bring an fd, which is the caller’s', async () => {
      const { remote } = connect();
      using file = (await remote.give()).file;
      expect(pair.fds.open.has(file.number)).to.equal(true);
    });

    it('end at once when they are aborted, tell the handler, and close what comes late', async () => {
      const asked = defer<Context<'none'>>();
      const answer = defer<void>();
      const { remote } = connect({
        give: async (_input, context) => {
          asked.resolve(context);
          await answer.promise;
          return { file: pair.fd() };
        },
      });
      const controller = new AbortController();
      const call = remote.give(undefined, { signal: controller.signal });
      const { signal } = await asked.promise;
      controller.abort(new Error('enough'));
      expect(await rejection(call)).to.have.property('message', 'enough');
      await settle();
      expect(signal.aborted).to.equal(true);
      expect(pair[caller].peer.usage().made.calls.used).to.equal(1);
      answer.resolve();
      await settle();
      expect(pair[caller].peer.usage().made.calls.used).to.equal(0);
    });

    it('may all be of one signal, which ends them all and is then let go of', async () => {
      const warnings: Error[] = [];
      const note = (warning: Error) => warnings.push(warning);
      process.on('warning', note);
      const { remote } = connect();
      const controller = new AbortController();
      const calls = Array.from({ length: 50 }, (_, id) =>
        rejection(remote.wait({ id }, { signal: controller.signal })),
      );
      await remote.add({ a: 1, b: 1 }, { signal: controller.signal });
      controller.abort(new Error('all of them'));
      for (const error of await Promise.all(calls)) expect(error).to.have.property('message', 'all of them');
      await settle();
      process.off('warning', note);
      expect(warnings).to.deep.equal([]);
    });

    it('close what comes late of an answer that had left', async () => {
      const { remote } = connect();
      const controller = new AbortController();
      const call = remote.give(undefined, { signal: controller.signal });
      // Until the answer is on its way, and before it is read.
      while (pair.fds.open.size === 0) await Promise.resolve().then(() => settle(1));
      controller.abort();
      await call.then(
        ({ file }) => file.close(),
        () => {},
      );
      await settle();
      expect(pair.fds.open.size).to.equal(0);
    });

    it('end at their deadline', async () => {
      const { remote } = connect();
      expect(await rejection(remote.wait({ id: 1 }, { timeout: 20 }))).to.be.instanceOf(TimeoutError);
    });

    it('all end with one PeerGone, which has the result, when the other side dies', async () => {
      const outcome = { status: 'killed' };
      const gone = new PeerPair({ [caller]: { outcome: Promise.resolve(outcome) } });
      const remote = gone[caller].peer.connect(Everything);
      const calls = [remote.wait({ id: 1 }), remote.wait({ id: 2 })].map(rejection);
      const stream = rejection(remote.count({ to: 1 })[Symbol.asyncIterator]().next());
      await settle();
      gone[server].comms.close();
      const [first, second] = await Promise.all(calls);
      expect(first).to.be.instanceOf(PeerGone).and.to.have.property('result', outcome);
      expect(second).to.equal(first);
      expect(await stream).to.equal(first);
      expect(await rejection(remote.add({ a: 1, b: 1 }))).to.equal(first);
      expect(await rejection(remote.take({ file: gone.fd() }))).to.equal(first);
      expect(gone.fds.open.size).to.equal(0);
    });

    it('end with the result that is known late, and do not wait for ever for one', async () => {
      const gone = new PeerPair({ [caller]: { outcome: new Promise(() => {}), outcomePatience: 20 } });
      const call = rejection(gone[caller].peer.connect(Everything).wait({ id: 1 }));
      gone[server].comms.close();
      expect(await call)
        .to.be.instanceOf(PeerGone)
        .and.to.have.property('result', undefined);
    });

    it('end as closed when this side closes', async () => {
      const { remote } = connect();
      const call = rejection(remote.wait({ id: 1 }));
      pair[caller].comms.close();
      expect(await call).to.be.instanceOf(ClosedError);
    });

    it('tell their handlers when the caller is gone', async () => {
      const asked = defer<AbortSignal>();
      const { remote } = connect({
        wait: (_input, { signal }) => {
          asked.resolve(signal);
          return new Promise(() => {});
        },
      });
      void rejection(remote.wait({ id: 1 }));
      const signal = await asked.promise;
      pair[caller].comms.close();
      await settle();
      expect(signal.aborted).to.equal(true);
    });

    it('wait for an interface that is served later', async () => {
      const remote = pair[caller].peer.connect(Everything);
      const calls = [remote.add({ a: 1, b: 2 }), remote.take({ file: pair.fd() })];
      await settle();
      serveEverything(pair, pair[server].peer);
      expect(await Promise.all(calls)).to.deep.equal([3, 1]);
    });

    it('are refused with a readable difference where the other side serves another version', async () => {
      const Newer = defineInterface('everything@1', { add: t.method({ input: { a: t.int32() }, output: t.int32() }) });
      serveEverything(pair, pair[server].peer);
      const remote = pair[caller].peer.connect(Newer);
      const error = await rejection(remote.add({ a: 1 }));
      expect(error).to.be.instanceOf(InterfaceMismatch);
      expect(String(error))
        .to.contain('- here:  add ({a: int32})')
        .and.to.contain('+ there: add ({a: int32, b: int32})');
      expect(await rejection(remote.add({ a: 1 }))).to.equal(error);
    });

    it('beyond those that may be in flight are refused here, and cost the peer nothing', async () => {
      const { remote } = connect();
      const calls = Array.from({ length: 1024 }, (_, id) => rejection(remote.wait({ id })));
      const error = await rejection(remote.add({ a: 1, b: 1 }));
      expect(error).to.be.instanceOf(LimitExceeded);
      expect(pair[caller].peer.usage().made.calls).to.deep.equal({ used: 1024, limit: 1024 });
      await settle();
      expect(pair[server].peer.usage().served.calls.used).to.equal(1024);
      pair.close();
      await Promise.all(calls);
    });

    it('of more bytes or fds than may be in flight are refused here', async () => {
      const { remote } = connect({ echo: () => new Promise(() => {}), take: () => new Promise(() => {}) });
      const bytes = Buffer.alloc(1024 * 1024);
      const calls = Array.from({ length: 7 }, () => rejection(remote.echo({ bytes })));
      expect(await rejection(remote.echo({ bytes }))).to.include({ which: 'bytes' });
      const files = Array.from({ length: 64 }, () => rejection(remote.take({ file: pair.fd() })));
      expect(await rejection(remote.take({ file: pair.fd() }))).to.include({ which: 'fds' });
      await settle();
      pair.close();
      await Promise.all([...calls, ...files]);
      // The handlers own theirs, and never end.
      for (const fd of [...pair.fds.open]) pair.fds.close(fd);
    });

    it('do not run in the turn of their frame, so that a handler may close the channel', async () => {
      const { remote } = connect({
        nothing: () => {
          pair[server].comms.close();
        },
      });
      expect(await rejection(remote.nothing())).to.be.instanceOf(PeerGone);
    });

    it('pass a capability, which is called like any other and ends with its release', async () => {
      const { remote } = connect();
      const { store } = await remote.open({ prefix: 'p/' });
      await store.set({ key: 'a', value: 'x' });
      expect(await store.get({ key: 'a' })).to.deep.equal({ value: 'x' });
      expect(await store.get({ key: 'b' })).to.deep.equal({});
      expect(pair[caller].peer.usage().remotes.held.used).to.equal(1);
      expect(pair[server].peer.usage().remotes.given.used).to.equal(1);
      store[Symbol.dispose]();
      store[Symbol.dispose]();
      expect(await rejection(store.get({ key: 'a' }))).to.be.instanceOf(ClosedError);
      await settle();
      expect(pair[server].peer.usage().remotes.given.used).to.equal(0);
      expect(pair[caller].peer.usage().remotes.held.used).to.equal(0);
    });

    it('pass a capability the other way, as an input', async () => {
      const { remote } = connect();
      const lines: string[] = [];
      const logger = service(Logger, {
        log: ({ line }) => {
          lines.push(line);
        },
      });
      await Promise.all([remote.use({ logger, line: 'one' }), remote.use({ logger, line: 'two' })]);
      expect(lines).to.deep.equal(['one', 'two']);
      await settle();
      expect(pair[caller].peer.usage().remotes.given.used).to.equal(0);
    });
  });
}

describe('a message whose fds the kernel does not take all', () => {
  it('fails alone, and those that it had sent are closed', async () => {
    const pair = new PeerPair();
    const Files = defineInterface('files@1', { two: t.method({ input: { a: t.fd('file'), b: t.fd('file') } }) });
    pair.sandboxee.peer.serve(Files, {
      two: ({ a, b }) => {
        a.close();
        b.close();
      },
    });
    const files = pair.broker.peer.connect(Files);
    const [transport] = pair.transports;
    const write = transport.write.bind(transport);
    let fdsWritten = 0;
    transport.write = (bytes, fds) => {
      fdsWritten += fds.length;
      if (fds.length === 0 || fdsWritten !== 2) return write(bytes, fds);
      for (const fd of fds) pair.fds.close(fd);
      throw Object.assign(new Error('ETOOMANYREFS'), { code: 'ETOOMANYREFS' });
    };
    const error = await rejection(files.two({ a: pair.fd(), b: pair.fd() }));
    expect(error).to.include({ which: 'fds in flight' });
    await files.two({ a: pair.fd(), b: pair.fd() });
    expect(pair.fds.open.size).to.equal(0);
    expect(pair.violations).to.deep.equal([]);
    pair.close();
  });
});

describe('a peer', () => {
  it('serves an interface once, and only what has every function', () => {
    const pair = new PeerPair();
    pair.broker.peer.serve(Logger, { log: () => {} });
    expect(thrown(() => pair.broker.peer.serve(Logger, { log: () => {} }))).to.be.instanceOf(InvalidArgument);
    expect(thrown(() => service(Logger, JSON.parse('{}'))))
      .to.have.property('message')
      .that.contains('no function log');
    pair.close();
  });

  it('serves from the first moment what it was made with', async () => {
    const pair = new PeerPair({ broker: { services: [service(Logger, { log: () => {} })] } });
    await pair.sandboxee.peer.connect(Logger).log({ line: 'x' });
    pair.close();
  });

  it('shares its channel with plain messages', async () => {
    const pair = new PeerPair();
    serveEverything(pair, pair.sandboxee.peer);
    const remote = pair.broker.peer.connect(Everything);
    void pair.sandboxee.comms.sendString('plain');
    expect(await remote.add({ a: 1, b: 1 })).to.equal(2);
    expect(await pair.broker.comms.recvString()).to.equal('plain');
    pair.close();
  });
});
