import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { encodePlan } from '../../broker/plan/encode.js';
import * as native from '../../native/broker.js';
import { launcherLeakGate } from './leak-gate.js';
import { AS_ROOT, AS_USER, askOne, probePlan, type Who } from './plans.js';
import { Run, type RunOptions } from './run.js';
import { theWorld } from './world.js';

function start(who: Who, questions: string[], options: RunOptions = {}): Run {
  return new Run(encodePlan(probePlan(who, questions)), { asUser: who.asUser, ...options });
}

/** A pipe whose end tells that nobody holds the other end any more. */
function outlet(): { write: number; opened: Promise<void>; ended: Promise<void> } {
  const [read, write] = native.pipe();
  const stream = new Socket({ fd: read, readable: true, writable: false });
  let text = '';
  const opened = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('pause')) resolve();
    });
  });
  return { write, opened, ended: once(stream, 'close').then(() => {}) };
}

describe('supervision', () => {
  launcherLeakGate();

  for (const who of [AS_ROOT, AS_USER]) {
    describe(who.name, () => {
      it('kills everything when the life socket is closed, also what left the session and lost its parents', async () => {
        const { write, opened, ended } = outlet();
        const run = start(who, ['scatter=10', 'pause'], { stdout: write });
        native.binding.close(write);
        await opened;
        const { pid } = await run.pid1;
        run.closeLife();
        await ended;
        const outcome = await run.outcome;
        expect(outcome.exited).to.equal(undefined);
        expect(outcome.pid1).to.include({ kind: 'exited', code: 1 });
        expect(existsSync(`/proc/${pid}`)).to.equal(false);
      });

      it('kills everything when the program ends', async () => {
        const { write, ended } = outlet();
        const run = start(who, ['scatter=10'], { stdout: write });
        native.binding.close(write);
        await ended;
        expect((await run.outcome).exited).to.deep.equal({ kind: 'exited', code: 0 });
      });

      it('kills everything when pid 1 is killed', async () => {
        const { write, opened, ended } = outlet();
        const run = start(who, ['scatter=10', 'pause'], { stdout: write });
        native.binding.close(write);
        await opened;
        native.signalPidfd((await run.pid1).pidfd, 9);
        await ended;
        expect((await run.outcome).pid1).to.include({ kind: 'signaled', signal: 9 });
      });

      it('reports a program that was killed from outside', async () => {
        const run = start(who, ['pause']);
        native.signalPidfd((await run.program).pidfd, 9);
        expect((await run.outcome).exited).to.deep.equal({ kind: 'signaled', signal: 9, core: false });
      });

      it('reaps what is orphaned inside', async () => {
        // pid 1, and the probe.
        expect(await askOne(who, 'reaped=50')).to.equal('2');
      });

      it('ends in time when the broker does not read from the life socket', async () => {
        const run = start(who, ['pause']);
        const { pidfd } = await run.program;
        run.freezeLife();
        native.signalPidfd(pidfd, 9);
        const { pidfd: pid1 } = await run.pid1;
        await new Promise<void>((resolve) => {
          native.watchPidfd(pid1, resolve);
        });
        run.closeLife();
        await run.outcome;
      });

      it('is not disturbed by signals from inside or outside', async () => {
        await using run = start(who, ['pause']);
        await run.program;
        const { pidfd, pid } = await run.pid1;
        for (const signal of [1, 2, 3, 10, 12, 13, 15, 17, 20, 28]) native.signalPidfd(pidfd, signal);
        await delay(20);
        expect(readFileSync(`/proc/${pid}/status`, 'utf8')).to.match(/^State:\tS/m);
      });

      it('is under a filter that kills pid 1 when it does anything but supervise', async () => {
        // poll is what it waits in: without it the loop cannot begin.
        const steps = probePlan(who, ['pause'], { supervisor: allowOnly('read', 'sendmsg', 'close', 'write') });
        const outcome = await new Run(encodePlan(steps), { asUser: who.asUser }).outcome;
        expect(outcome.frames).to.deep.equal(['Stage', 'Launched']);
        expect(outcome.pid1).to.include({ kind: 'signaled', signal: 31 });
      });
    });
  }

  for (const who of ['root', 'user']) {
    it(`is killed with the broker, though somebody else holds the life socket, as ${who}`, async () => {
      // The change of ids clears PR_SET_PDEATHSIG: it is set once more after it.
      const script = fileURLToPath(new URL('./doomed-broker.js', import.meta.url));
      const broker = spawn(process.execPath, [script, who, theWorld().folder], {
        stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      });
      const [, stdout, , note] = broker.stdio;
      if (!(stdout instanceof Readable) || !(note instanceof Readable)) throw new Error('no pipes');
      const [holder] = await once(note, 'data');
      await once(stdout, 'data');
      broker.kill('SIGKILL');
      // The program holds the pipe until it is dead.
      await once(stdout.resume(), 'close');
      process.kill(Number(holder), 'SIGKILL');
    });
  }
});

const NUMBERS = {
  x64: { read: 0, write: 1, close: 3, sendmsg: 46 },
  arm64: { read: 63, write: 64, close: 57, sendmsg: 211 },
};

/** sock_filter[]: each of these numbers is allowed, anything else kills the process. */
function allowOnly(...names: (keyof (typeof NUMBERS)['x64'])[]): Uint8Array {
  const numbers = NUMBERS[process.arch === 'arm64' ? 'arm64' : 'x64'];
  const [load, jumpIfEqual, answer] = [0x20, 0x15, 0x06];
  const instructions = [
    [load, 0, 0, 0],
    ...names.map((name, index) => [jumpIfEqual, names.length - index, 0, numbers[name]]),
    [answer, 0, 0, 0x8000_0000],
    [answer, 0, 0, 0x7fff_0000],
  ];
  const program = Buffer.alloc(instructions.length * 8);
  instructions.forEach(([code = 0, yes = 0, no = 0, k = 0], index) => {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(yes, index * 8 + 2);
    program.writeUInt8(no, index * 8 + 3);
    program.writeUInt32LE(k, index * 8 + 4);
  });
  return program;
}
