import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { expect } from 'chai';
import { encodePlan } from '../../broker/plan/encode.js';
import type { Step } from '../../broker/plan/steps.js';
import * as native from '../../native/broker.js';
import { launcherLeakGate } from './leak-gate.js';
import { AS_ROOT, AS_USER, answers, baseProbePlan, type Who } from './plans.js';
import { Run, USER } from './run.js';
import { theWorld } from './world.js';

const { EPERM, ENOSYS } = constants.errno;

interface Place {
  readonly name: string;
  readonly who: Who;
  /** As if the kernel's were no higher. */
  readonly landlockAbi: number;
}

const abi = native.probe().landlockAbi;
const PLACES: readonly Place[] = [
  { name: 'by its uid, with an older Landlock', who: AS_ROOT, landlockAbi: 4 },
  { name: 'by its uid, without Landlock', who: AS_ROOT, landlockAbi: 0 },
  { name: 'by its Landlock domain, as root', who: AS_ROOT, landlockAbi: abi },
  { name: 'by its Landlock domain', who: AS_USER, landlockAbi: abi },
  { name: 'by its process group, with an older Landlock', who: AS_USER, landlockAbi: 4 },
  { name: 'by its process group, without Landlock', who: AS_USER, landlockAbi: 0 },
];

function start(place: Place, questions: string[], stdout?: number): Run {
  const { who, landlockAbi } = place;
  const plan = encodePlan(baseProbePlan(who, questions, landlockAbi));
  return new Run(plan, { asUser: who.asUser, ...(stdout === undefined ? {} : { stdout }) });
}

async function ask(place: Place, ...questions: string[]): Promise<Map<string, string>> {
  return answers(await start(place, questions).outcome);
}

/** A pipe whose end tells that nobody holds the other end any more. */
function outlet(): { write: number; paused: Promise<void>; ended: Promise<void> } {
  const [read, write] = native.pipe();
  const stream = new Socket({ fd: read, readable: true, writable: false });
  let text = '';
  const paused = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('pause')) resolve();
    });
  });
  return { write, paused, ended: once(stream, 'close').then(() => {}) };
}

describe('everything that a program starts, without a pid namespace', () => {
  launcherLeakGate();

  for (const place of PLACES) {
    describe(`is ended ${place.name}`, () => {
      before(function () {
        if (abi >= place.landlockAbi && (abi >= 6 || !place.name.startsWith('by its Landlock domain'))) return;
        console.log(`      this kernel's Landlock has ABI ${abi}`);
        this.skip();
      });

      it('when the program ends, also what left the session and lost its parents', async () => {
        const { write, ended } = outlet();
        const run = start(place, ['scatter=10'], write);
        native.binding.close(write);
        await ended;
        expect((await run.outcome).exited).to.deep.equal({ kind: 'exited', code: 0 });
      });

      it('when the life socket is closed', async () => {
        const { write, paused, ended } = outlet();
        const run = start(place, ['scatter=10', 'pause'], write);
        native.binding.close(write);
        await paused;
        run.closeLife();
        await ended;
        expect((await run.outcome).pid1).to.include({ kind: 'exited', code: 1 });
      });

      it('when the program is killed in the midst of a fork bomb', async () => {
        const { write, paused, ended } = outlet();
        const run = start(place, ['bomb', 'pause'], write);
        native.binding.close(write);
        await paused;
        native.signalPidfd((await run.program).pidfd, 9);
        await ended;
        expect((await run.outcome).exited).to.deep.equal({ kind: 'signaled', signal: 9, core: false });
      });

      it('and nothing else is: other processes of the same user live on', async () => {
        const bystander = spawn('/bin/sleep', ['1000'], { stdio: 'ignore', uid: USER, gid: USER });
        const ended = once(bystander, 'exit');
        await once(bystander, 'spawn');
        try {
          await ask(place, 'scatter=3');
          expect(bystander.exitCode ?? bystander.signalCode).to.equal(null);
        } finally {
          bystander.kill('SIGTERM');
        }
        expect((await ended)[1]).to.equal('SIGTERM');
      });

      it('with the launcher: only the program, which is told by the kernel', async () => {
        const { write, paused, ended } = outlet();
        const run = start(place, ['pause'], write);
        native.binding.close(write);
        await paused;
        native.signalPidfd((await run.pid1).pidfd, 9);
        await ended;
        expect((await run.outcome).pid1).to.include({ kind: 'signaled', signal: 9 });
      });

      it('and orphans are adopted by the launcher', async () => {
        expect((await ask(place, 'adopter')).get('adopter')).to.equal('launcher');
      });
    });
  }

  it('cannot signal the launcher, where Landlock keeps signals inside', async function () {
    if (abi < 6) this.skip();
    for (const who of [AS_ROOT, AS_USER]) {
      const place = { name: '', who, landlockAbi: abi };
      const found = await ask(place, 'kill-parent=9', `kill-pid=${process.pid}`);
      expect([...found.values()], who.name).to.deep.equal([String(EPERM), String(EPERM)]);
    }
  });

  it('cannot leave its process group, where that is by what it is ended', async () => {
    const found = await ask({ name: '', who: AS_USER, landlockAbi: 4 }, 'group', 'setsid', 'setpgid');
    expect([...found.values()]).to.deep.equal(['own', String(ENOSYS), String(ENOSYS)]);
  });

  for (const [what, change] of [
    ['of root that kept its uid', (step: Step) => (step.op === 'identity' ? [] : [step])],
    ['in a Landlock domain without scopes', (step: Step) => [step.op === 'landlock' ? { ...step, scoped: 0n } : step]],
  ] as const) {
    it(`is not started where a signal to everybody would reach others: ${what}`, async () => {
      const who = what.startsWith('of root') ? AS_ROOT : AS_USER;
      const steps = baseProbePlan(who, ['pause'], what.startsWith('of root') ? 4 : abi).flatMap((step): Step[] => [
        ...change(step),
      ]);
      const { failed } = await new Run(encodePlan(steps), { asUser: who.asUser }).outcome;
      expect(failed).to.include({ step: 'subreaper', errnoName: 'EPERM' });
    });
  }

  it('opens no file but those that it was granted, and writes none', async () => {
    const { probe, folder } = theWorld();
    const questions = [
      `read=${probe}`,
      'read=/etc/passwd',
      `write=${probe}`,
      `list=${folder}`,
      'write=/dev/null',
      'read=/proc/self/stat',
    ];
    const found = await ask({ name: '', who: AS_USER, landlockAbi: abi }, ...questions);
    expect([...found.values()]).to.deep.equal(['0', '13', '13', 'errno 13', '0', '13']);
  });
});
