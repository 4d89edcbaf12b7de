import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cgroupFindings } from '../../broker/cgroup/places.js';
import { kernelFeatures } from '../../broker/kernel.js';
import type { WaitStatus } from '../../native/broker.js';
import { watchPidfd } from '../../native/broker.js';
import { leakGate } from '../support/leak-gate.js';
import { broker, errorOf } from './support.js';

const SIGTERM = 15;
const { SIGKILL } = constants.signals;

/** Runs a shell command with stdout on a pipe and `more` from fd 3 on; what it wrote and how it ended. */
async function shell(command: string, more: number[] = []): Promise<{ output: string; status: WaitStatus }> {
  const devNull = openSync('/dev/null', 'r');
  const [readEnd, writeEnd] = broker.pipe();
  const { pidfd } = broker.spawn('/bin/sh', ['sh', '-c', command], [devNull, writeEnd, writeEnd, ...more]);
  closeSync(devNull);
  broker.close(writeEnd);
  const status = await ended(pidfd);
  const bytes = Buffer.alloc(65_536);
  const output = bytes.toString('utf8', 0, readSync(readEnd, bytes));
  broker.close(readEnd);
  return { output, status };
}

/** Reaps, and closes the pidfd. */
function ended(pidfd: number): Promise<WaitStatus> {
  return new Promise((resolve, reject) => {
    watchPidfd(pidfd, () => {
      const status = broker.waitPidfd(pidfd);
      broker.close(pidfd);
      if (status === null) reject(new Error('it was said to have ended'));
      else resolve(status);
    });
  });
}

function sleeper(): { pid: number; pidfd: number } {
  return broker.spawn('/bin/sleep', ['sleep', '1000'], []);
}

describe('spawn', () => {
  leakGate();

  it('gives the exit status', async () => {
    const { status } = await shell('exit 42');
    expect(status).to.include({ kind: 'exited', code: 42 });
  });

  it('gives what was used up', async () => {
    const { status } = await shell('i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done');
    expect(status.usage.userMs + status.usage.systemMs).to.be.above(1);
    expect(status.usage.maxRssBytes).to.be.above(100_000);
    expect(status.usage.minorFaults).to.be.above(10);
  });

  it('passes an empty environment', async () => {
    process.env.SALLYPORT_TEST_SECRET = 'secret';
    const { output } = await shell('tr "\\0" "\\n" < /proc/$$/environ; echo end');
    delete process.env.SALLYPORT_TEST_SECRET;
    expect(output).to.equal('end\n');
  });

  it('passes the arguments as they are', async () => {
    const [readEnd, writeEnd] = broker.pipe();
    const { pidfd } = broker.spawn('/bin/echo', ['any name', 'a b', '$c', 'ü'], [writeEnd, writeEnd, writeEnd]);
    broker.close(writeEnd);
    await ended(pidfd);
    const bytes = Buffer.alloc(100);
    expect(bytes.toString('utf8', 0, readSync(readEnd, bytes))).to.equal('a b $c ü\n');
    broker.close(readEnd);
  });

  it('leaves exactly the fds of the list open', async () => {
    const memory = broker.createMemory('m', 1, { executable: false });
    const { output } = await shell('echo /proc/self/fd/*', [memory]);
    broker.close(memory);
    // The last is the directory that the shell reads.
    expect(output).to.equal('/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3 /proc/self/fd/4\n');
  });

  it('puts each where it belongs though numbers overlap, swap and repeat', async () => {
    const marks = [11, 22, 33].map((size) => broker.createMemory('m', size, { executable: false }));
    const [first = -1, second = -1, third = -1] = marks;
    const devNull = openSync('/dev/null', 'r');
    const [readEnd, writeEnd] = broker.pipe();
    const command = 'for fd in 3 4 5 6 7; do stat -L -c %s /proc/self/fd/$fd; done';
    const { pidfd } = broker.spawn(
      '/bin/sh',
      ['sh', '-c', command],
      [devNull, writeEnd, 2, third, first, second, first, third],
    );
    closeSync(devNull);
    broker.close(writeEnd);
    await ended(pidfd);
    const bytes = Buffer.alloc(100);
    expect(bytes.toString('utf8', 0, readSync(readEnd, bytes))).to.equal('33\n11\n22\n11\n33\n');
    for (const fd of [...marks, readEnd]) broker.close(fd);
  });

  it('crosses stdin and stderr over', async () => {
    const [outRead, outWrite] = broker.pipe();
    const swap = broker.spawn('/bin/sh', ['sh', '-c', 'readlink /proc/self/fd/0 >&3'], [2, 1, 0, outWrite]);
    broker.close(outWrite);
    await ended(swap.pidfd);
    const bytes = Buffer.alloc(200);
    const target = bytes.toString('utf8', 0, readSync(outRead, bytes)).trim();
    expect(target).to.equal(readlink(2));
    broker.close(outRead);
  });

  it('ignores no signal in the program, and blocks them all until it unblocks them', async () => {
    const { output } = await shell('exec grep Sig /proc/self/status');
    expect(output).to.include('SigIgn:\t0000000000000000');
    // All but SIGKILL, SIGSTOP and the two that libc keeps to itself.
    expect(output).to.include('SigBlk:\tfffffffe7ffbfeff');
  });

  it('starts a program that is in a group of version 2 from its birth', async function () {
    const { kill } = cgroupFindings();
    if (kill.state === 'off' || !kernelFeatures().cloneIntoGroup) {
      console.log('    no process can be born in a group of version 2 here');
      return this.skip();
    }
    const folder = join(kill.place.folder, 'spawn-test');
    mkdirSync(folder);
    const group = openSync(folder, 'r');
    try {
      const [readEnd, writeEnd] = broker.pipe();
      const { pidfd } = broker.spawn('/bin/grep', ['grep', '^0:', '/proc/self/cgroup'], [0, writeEnd, 2], group);
      broker.close(writeEnd);
      await ended(pidfd);
      const bytes = Buffer.alloc(200);
      expect(bytes.toString('utf8', 0, readSync(readEnd, bytes))).to.match(/\/spawn-test\n$/);
      broker.close(readEnd);
      expect(errorOf(() => broker.spawn('/no/such/program', ['x'], [0], group))).to.include({ code: 'ENOENT' });
    } finally {
      closeSync(group);
      rmdirSync(folder);
    }
    expect(errorOf(() => broker.spawn('/bin/true', ['true'], [0], 0))).to.include({ syscall: 'clone3' });
  });

  it('throws the errno of exec, and leaves no child', () => {
    const missing = errorOf(() => broker.spawn('/no/such/program', ['x'], [0]));
    expect(missing).to.include({ code: 'ENOENT', syscall: 'execve' });
    expect(missing.message).to.include('/no/such/program');
    expect(errorOf(() => broker.spawn('/etc/passwd', ['x'], [0])).code).to.equal('EACCES');
    expect(errorOf(() => broker.spawn('/', ['x'], [0])).code).to.equal('EACCES');
  });

  it('throws where an fd of the list is none', () => {
    expect(errorOf(() => broker.spawn('/bin/true', ['true'], [0, 99_999]))).to.include({ code: 'EBADF' });
  });

  it('refuses what makes no sense', () => {
    expect(errorOf(() => broker.spawn('/bin/true', [], []))).to.be.instanceOf(RangeError);
    expect(errorOf(() => broker.spawn('/bin/true\0', ['x'], []))).to.be.instanceOf(RangeError);
    expect(errorOf(() => broker.spawn('/bin/true', ['a\0b'], []))).to.be.instanceOf(RangeError);
    expect(errorOf(() => broker.spawn('/bin/true', 'true' as never, []))).to.be.instanceOf(TypeError);
    expect(errorOf(() => broker.spawn('/bin/true', ['true'], [-1]))).to.be.instanceOf(RangeError);
    expect(errorOf(() => broker.spawn('/bin/true', ['true'], new Array<number>(257).fill(0)))).to.be.instanceOf(
      RangeError,
    );
  });

  it('leaves our own signal mask and fds as they were', async () => {
    const mask = () => readFileSync('/proc/self/status', 'latin1').match(/SigBlk:.*/)?.[0];
    const before = mask();
    await shell('true');
    expect(mask()).to.equal(before);
  });
});

describe('pidfd', () => {
  leakGate();

  it('says null while the process runs', async () => {
    const { pidfd } = sleeper();
    expect(broker.waitPidfd(pidfd)).to.equal(null);
    broker.signalPidfd(pidfd, SIGKILL);
    await ended(pidfd);
  });

  it('sends signals, which the program that unblocked them dies of', async () => {
    const { pidfd } = sleeper();
    expect(broker.signalPidfd(pidfd, 0)).to.equal(true);
    // Blocked since spawn: pending, and without effect.
    expect(broker.signalPidfd(pidfd, SIGTERM)).to.equal(true);
    expect(broker.waitPidfd(pidfd)).to.equal(null);
    expect(broker.signalPidfd(pidfd, SIGKILL)).to.equal(true);
    expect(await ended(pidfd)).to.include({ kind: 'signaled', signal: SIGKILL, core: false });
  });

  it('says false for a signal to what has been reaped', async () => {
    const { pidfd } = sleeper();
    const copy = broker.duplicate(pidfd);
    broker.signalPidfd(pidfd, SIGKILL);
    await ended(pidfd);
    expect(broker.signalPidfd(copy, SIGKILL)).to.equal(false);
    expect(errorOf(() => broker.waitPidfd(copy)).code).to.equal('ECHILD');
    broker.close(copy);
  });

  it('calls the watcher once, though the process stays unreaped', async () => {
    const { pidfd } = broker.spawn('/bin/true', ['true'], []);
    let calls = 0;
    await new Promise<void>((resolve) => {
      watchPidfd(pidfd, () => {
        calls++;
        setTimeout(resolve, 20);
      });
    });
    expect(calls).to.equal(1);
    expect(broker.waitPidfd(pidfd)).to.include({ kind: 'exited', code: 0 });
    broker.close(pidfd);
  });

  it('watches one process several times, also after the pidfd was closed', async () => {
    const { pidfd } = sleeper();
    let calls = 0;
    const both = [1, 2].map(() => new Promise<void>((resolve) => watchPidfd(pidfd, () => resolve(void calls++))));
    const third = ended(broker.duplicate(pidfd));
    broker.signalPidfd(pidfd, SIGKILL);
    broker.close(pidfd);
    await Promise.all([...both, third]);
    expect(calls).to.equal(2);
  });

  it('does not call a watcher that was closed', async () => {
    const { pidfd } = sleeper();
    let calls = 0;
    const watch = watchPidfd(pidfd, () => calls++);
    watch.unref();
    watch.ref();
    watch.close();
    watch.close();
    broker.signalPidfd(pidfd, SIGKILL);
    await ended(pidfd);
    expect(calls).to.equal(0);
  });

  it('refuses what is no pidfd', () => {
    const memory = broker.createMemory('m', 1, { executable: false });
    expect(errorOf(() => broker.waitPidfd(memory)).code).to.equal('EBADF');
    expect(errorOf(() => broker.signalPidfd(memory, SIGKILL)).code).to.equal('EBADF');
    expect(errorOf(() => broker.signalPidfd(memory, 65))).to.be.instanceOf(RangeError);
    expect(errorOf(() => watchPidfd(99_999, () => undefined)).code).to.equal('EBADF');
    broker.close(memory);
  });
});

function readlink(fd: number): string {
  const [readEnd, writeEnd] = broker.pipe();
  const { pidfd } = broker.spawn('/bin/readlink', ['readlink', '/proc/self/fd/3'], [0, writeEnd, writeEnd, fd]);
  broker.close(writeEnd);
  const bytes = Buffer.alloc(200);
  const text = bytes.toString('utf8', 0, readSync(readEnd, bytes)).trim();
  broker.close(readEnd);
  while (broker.waitPidfd(pidfd) === null);
  broker.close(pidfd);
  return text;
}
