import { once } from 'node:events';
import { constants } from 'node:os';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { addonPath } from '../../native/locate.js';
import { leakGate } from '../support/leak-gate.js';
import { AUDIT_ARCH_X86_64, answers, Target } from './monitor-target.js';
import { broker, eventually, Peer, reaped, SYS } from './support.js';

const { SIGKILL } = constants.signals;

interface Running {
  worker: Worker;
  /** Asked for at the start: the event can follow the last message in the same turn. */
  exited: Promise<unknown>;
}

/** Runs code in a worker_thread with `broker`, `sandboxee`, `workerData` and `ready()`. */
async function inWorker(code: string, data: unknown = {}): Promise<Running> {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const broker = require(workerData.broker);
     const sandboxee = require(workerData.sandboxee);
     const ready = (value) => parentPort.postMessage(value);
     const endpoint = (binding, fd, onBatch = (filled) => filled) =>
       new binding.Endpoint(fd, { slab: Buffer.alloc(4096), budget: 4096, keepFd: false }, onBatch, () => {});
     ${code}`,
    {
      eval: true,
      workerData: { broker: addonPath('broker'), sandboxee: addonPath('sandboxee'), ...(data as object) },
    },
  );
  const exited = once(worker, 'exit');
  await once(worker, 'message');
  return { worker, exited };
}

describe('environments', () => {
  leakGate();

  it('loads in worker_threads, each with endpoints of its own', async () => {
    const [a, b] = broker.socketpair();
    const peer = new Peer(b);
    peer.endpoint.start();
    const { exited } = await inWorker(
      `const echo = endpoint(broker, workerData.fd, (filled, fds, status) => {
         if (status !== 0) echo.close();
         else echo.write(Buffer.from('heard'), []);
         return filled;
       });
       echo.start();
       ready();`,
      { fd: a },
    );
    peer.endpoint.write(Buffer.from('hello'), []);
    await peer.until(5);
    expect(peer.received.toString()).to.equal('heard');
    peer.close();
    await exited;
    await reaped();
  });

  for (const name of ['broker', 'sandboxee']) {
    it(`leaves nothing behind where a worker with endpoints is terminated (${name}'s addon)`, async () => {
      const { worker } = await inWorker(
        `const fds = [];
         for (let index = 0; index < 20; index++) {
           const [a, b] = broker.socketpair();
           const one = endpoint(${name}, a);
           const other = endpoint(${name}, b);
           if (index % 2) one.start();
           if (index % 3) other.start();
           other.pause();
           one.write(Buffer.alloc(1 << 20), [broker.createMemory('m', 1, { executable: false })]);
           one.write(Buffer.alloc(10), [broker.createMemory('m', 1, { executable: false })]);
         }
         ready();
         setInterval(() => {}, 1000);`,
      );
      await worker.terminate();
      await reaped();
    });
  }

  it('leaves nothing behind where a worker is terminated in the middle of a batch', async () => {
    const [a, b] = broker.socketpair();
    const peer = new Peer(b);
    const { worker } = await inWorker(
      `const busy = endpoint(broker, workerData.fd, () => { ready(); for (;;); });
       busy.start();
       ready();`,
      { fd: a },
    );
    const inside = once(worker, 'message');
    peer.endpoint.write(Buffer.from('x'), []);
    await inside;
    await worker.terminate();
    peer.close();
    await reaped();
  });

  it('ends a worker that has nothing but an ended endpoint, a fired watcher and an unreferenced one', async () => {
    const { exited } = await inWorker(
      `const [a, b] = broker.socketpair();
       const [c, d] = broker.socketpair();
       endpoint(broker, a).start();
       broker.close(b);
       const idle = endpoint(broker, c);
       idle.start();
       idle.unref();
       const { pidfd } = broker.spawn('/bin/true', ['true'], []);
       new broker.PidfdWatcher(pidfd, () => { broker.waitPidfd(pidfd); broker.close(pidfd); broker.close(d); });
       ready();`,
    );
    await exited;
    await reaped();
  });

  it('unmaps what a terminated worker had mapped', async () => {
    const { worker } = await inWorker(
      `const fd = broker.createMemory('m', 1 << 20, { executable: false });
       broker.seal(fd, 6);
       const mappings = [];
       for (let index = 0; index < 8; index++) mappings.push(new broker.Mapping(fd, 1 << 20, true));
       for (const mapping of mappings) mapping.view(1 << 20);
       mappings.pop().unmap();
       broker.close(fd);
       ready();
       setInterval(() => mappings.length, 1000);`,
    );
    await worker.terminate();
  });

  it('forgets the watchers of a terminated worker', async () => {
    const { pidfd } = broker.spawn('/bin/sleep', ['sleep', '1000'], []);
    const { worker } = await inWorker(
      `for (let index = 0; index < 5; index++) new broker.PidfdWatcher(workerData.pidfd, () => {});
       ready();`,
      { pidfd },
    );
    await worker.terminate();
    broker.signalPidfd(pidfd, SIGKILL);
    await eventually(() => broker.waitPidfd(pidfd) !== null, 'the end of the child');
    broker.close(pidfd);
  });

  it('kills the sandboxee of a monitor whose worker is terminated', async () => {
    const target = await Target.start([SYS.openat]);
    const { worker } = await inWorker(
      `const monitor = new broker.Monitor(workerData.options, () => monitor.take());
       ready();
       setInterval(() => {}, 1000);`,
      {
        options: {
          listener: target.listener,
          killPidfd: target.pidfd,
          arch: AUDIT_ARCH_X86_64,
          answers: answers({ [SYS.openat]: 2 }),
          pathArguments: new Int8Array(0),
          pathDenialIsViolation: false,
          harmlessPaths: [],
          unknownAbove: 470,
          firstExec: null,
          program: new Uint8Array(0),
          holdTime: 0,
        },
      },
    );
    target.order(SYS.openat, { repeat: 100_000_000 });
    await worker.terminate();
    expect(await target.ended).to.include({ kind: 'signaled', signal: SIGKILL });
    await target.dispose();
  });

  it('reports what a callback throws, reads no more, and stays whole', async () => {
    const [a, b] = broker.socketpair();
    const { worker, exited } = await inWorker(
      `process.on('uncaughtException', (error) => ready(error.message));
       const failing = endpoint(broker, workerData.fd, () => { throw new Error('of the callback'); });
       failing.start();
       ready();
       setTimeout(() => failing.close(), 100);`,
      { fd: a },
    );
    const thrown = once(worker, 'message');
    const peer = new Peer(b);
    peer.endpoint.write(Buffer.from('x'), []);
    peer.endpoint.write(Buffer.from('y'), []);
    expect(await thrown).to.deep.equal(['of the callback']);
    await exited;
    peer.close();
    await reaped();
  });

  it('refuses a callback that says it consumed what was not there', async () => {
    for (const nonsense of ['-1', '2', '0.5', 'NaN', '"1"', 'undefined', 'filled + 1']) {
      const [a, b] = broker.socketpair();
      const { worker, exited } = await inWorker(
        `process.on('uncaughtException', (error) => { ready(error.code); failing.close(); });
         const failing = endpoint(broker, workerData.fd, (filled) => (${nonsense}));
         failing.start();
         ready();`,
        { fd: a },
      );
      const thrown = once(worker, 'message');
      const peer = new Peer(b);
      peer.endpoint.write(Buffer.from('x'), []);
      expect(await thrown, nonsense).to.deep.equal(['ERR_OUT_OF_RANGE']);
      await exited;
      peer.close();
    }
    await reaped();
  });

  it('survives a slab that is detached under it', async () => {
    const [a, b] = broker.socketpair();
    const { worker, exited } = await inWorker(
      `const slab = new Uint8Array(4096);
       process.on('uncaughtException', (error) => { ready(error.code); one.close(); });
       const one = new broker.Endpoint(workerData.fd, { slab, budget: 4096, keepFd: false }, () => {
         structuredClone(slab.buffer, { transfer: [slab.buffer] });
         return 0;
       }, () => {});
       one.start();
       ready();`,
      { fd: a },
    );
    const thrown = once(worker, 'message');
    const peer = new Peer(b);
    peer.endpoint.write(Buffer.from('x'), []);
    expect(await thrown).to.deep.equal(['ERR_INVALID_ARG_TYPE']);
    await exited;
    peer.close();
    await reaped();
  });
});
