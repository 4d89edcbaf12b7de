import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { watchPidfd } from '../../native/broker.js';
import { leakGate } from '../support/leak-gate.js';
import { broker, eventually, Peer, type PeerOptions, reaped } from './support.js';

/** `spawn` passes no environment, and the sanitizers (scripts/sanitize.mjs) need theirs. */
const sanitizer = ['LD_PRELOAD', 'ASAN_OPTIONS'].flatMap((name) => {
  const value = process.env[name];
  return value === undefined ? [] : [`${name}=${value}`];
});
const child = fileURLToPath(new URL('./gate-child.js', import.meta.url));

interface Child {
  pid: number;
  peer: Peer;
  ended: Promise<void>;
}

function start(mode: string[], options: PeerOptions = {}): Child {
  const [mine, its] = broker.socketpair();
  const { pid, pidfd } = broker.spawn(
    '/usr/bin/env',
    ['env', ...sanitizer, process.execPath, child, ...mode],
    [0, 2, 2, its],
  );
  broker.close(its);
  const ended = new Promise<void>((resolve) => {
    watchPidfd(pidfd, () => {
      broker.waitPidfd(pidfd);
      broker.close(pidfd);
      resolve();
    });
  });
  const peer = new Peer(mine, options);
  return { pid, peer, ended };
}

async function finish({ peer, ended }: Child): Promise<void> {
  peer.close();
  await ended;
  await reaped();
}

/** What each task's status says of one field. */
function ofAllTasks(pid: number, field: string): string[] {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'latin1');
    return status.match(new RegExp(`^${field}:\\s*(.*)$`, 'm'))?.[1] ?? '';
  });
}

describe('enterGate', () => {
  leakGate();

  it('covers every thread, and hands over the listener with its frame, then says so', async () => {
    const sandboxee = start(['enter']);
    const { pid, peer } = sandboxee;
    peer.endpoint.start();
    await peer.until('LISTENERSEALED'.length);
    expect(peer.received.toString()).to.equal('LISTENERSEALED');
    expect(peer.fds).to.have.lengthOf(1);
    expect(readlinkSync(`/proc/self/fd/${peer.fds[0]}`)).to.equal('anon_inode:seccomp notify');
    const filters = ofAllTasks(pid, 'Seccomp_filters');
    expect(filters.length).to.be.above(4);
    expect(new Set(filters)).to.deep.equal(new Set(['1']));
    expect(new Set(ofAllTasks(pid, 'NoNewPrivs'))).to.deep.equal(new Set(['0']));
    await finish(sandboxee);
  });

  it('keeps no listener', async () => {
    const sandboxee = start(['enter']);
    sandboxee.peer.endpoint.start();
    await sandboxee.peer.until('LISTENERSEALED'.length);
    const open = readdirSync(`/proc/${sandboxee.pid}/fd`).map((fd) => readlinkSync(`/proc/${sandboxee.pid}/fd/${fd}`));
    expect(open.filter((target) => target.includes('seccomp'))).to.deep.equal([]);
    await finish(sandboxee);
  });

  it('lets a write past the limit of file size end the process again', async () => {
    const sandboxee = start(['enter']);
    sandboxee.peer.endpoint.start();
    await sandboxee.peer.until('LISTENERSEALED'.length);
    const SIGXFSZ_BIT = 1n << 24n;
    const ignored = BigInt(`0x${ofAllTasks(sandboxee.pid, 'SigIgn')[0]}`);
    expect(ignored & SIGXFSZ_BIT).to.equal(0n);
    await finish(sandboxee);
  });

  it('waits where the socket has no room for the frames', async () => {
    // What fills a socket depends on how the kernel accounts for it: everything that it takes, and a little more.
    const sandboxee = start(['enter', '150000'], { slabBytes: 1 << 20 });
    await eventually(() => ofAllTasks(sandboxee.pid, 'Seccomp')[0] === '2', 'the filter', 10_000);
    sandboxee.peer.endpoint.start();
    await sandboxee.peer.until(150_000 + 'LISTENERSEALED'.length);
    expect(sandboxee.peer.received.subarray(150_000).toString()).to.equal('LISTENERSEALED');
    expect(sandboxee.peer.fds).to.have.lengthOf(1);
    await finish(sandboxee);
  });

  it('names the thread that has a filter of its own, and installs nothing', async () => {
    const sandboxee = start(['diverged']);
    sandboxee.peer.endpoint.start();
    await sandboxee.ended;
    await sandboxee.peer.untilEnd();
    const { tid, code, message } = JSON.parse(sandboxee.peer.received.toString());
    expect(tid).to.be.above(0);
    expect(code).to.equal('ESRCH');
    expect(message).to.include(`thread ${tid} has installed a seccomp filter of its own`);
    await finish(sandboxee);
  });

  it('refuses what makes no sense before it installs anything', async () => {
    const sandboxee = start(['arguments']);
    sandboxee.peer.endpoint.start();
    await sandboxee.peer.untilEnd();
    expect(JSON.parse(sandboxee.peer.received.toString())).to.deep.equal([
      'ERR_INVALID_ARG_TYPE',
      'ERR_OUT_OF_RANGE',
      'ERR_OUT_OF_RANGE',
      'ERR_OUT_OF_RANGE',
      'ERR_OUT_OF_RANGE',
      'ERR_OUT_OF_RANGE',
      'ERR_OUT_OF_RANGE',
      'ERR_INVALID_ARG_TYPE',
      'EINVAL',
      'EINVAL',
    ]);
    await finish(sandboxee);
  });
});
