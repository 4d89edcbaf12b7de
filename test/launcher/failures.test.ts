import { spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { encodePlan } from '../../broker/plan/encode.js';
import { NAMESPACE_FLAGS } from '../../broker/plan/kernel-constants.js';
import type { Step } from '../../broker/plan/steps.js';
import { launcherLeakGate } from './leak-gate.js';
import { ALLOW_ALL, AS_ROOT, AS_USER, askOne, probeMount, probePlan, type Who } from './plans.js';
import { decodeFailed, type StepFailure } from './reports.js';
import { type Outcome, type RunOptions, runPlan } from './run.js';
import { makeFolder, theWorld } from './world.js';

const keepFds: Step = { op: 'keepFds', from: [0, 1, 2, 3], to: [0, 1, 2, 3] };
const run: Step = { op: 'run', path: '/x', arguments: ['x'], environment: [], supervisor: ALLOW_ALL };
const stagingRoot: Step = {
  op: 'stagingRoot',
  on: '/tmp',
  stagingSize: 65536n,
  rootSize: 65536n,
  rootInodes: 16n,
  rootMode: 0o755,
};

async function failureOf(steps: Step[], options: RunOptions = {}): Promise<StepFailure> {
  const outcome = await runPlan(encodePlan(steps), options);
  return outcome.failed ?? expect.fail(`it did not fail: ${JSON.stringify(outcome)}`);
}

/** What becomes of a good plan in which one step is another. */
async function withStep(who: Who, step: Step): Promise<Outcome> {
  const steps = probePlan(who, ['fds']).map((planned) => (planned.op === step.op ? step : planned));
  return runPlan(encodePlan(steps), { asUser: who.asUser });
}

describe('a step that fails', () => {
  launcherLeakGate();

  it('is named with its index, errno and what it was about, and nothing is run', async () => {
    const steps: Step[] = [keepFds, { op: 'notDumpable' }, { op: 'workingDirectory', path: '/no/such/folder' }, run];
    const outcome = await runPlan(encodePlan(steps));
    expect(outcome.failed).to.deep.include({
      index: 2,
      step: 'workingDirectory',
      errnoName: 'ENOENT',
      detail: 'enter the working directory: /no/such/folder',
    });
    expect(outcome.frames).to.deep.equal(['Failed']);
    expect(outcome.outer).to.include({ kind: 'exited', code: 1 });
  });

  describe('because the plan would change the host', () => {
    const misplaced: readonly Step[] = [
      { op: 'privatePropagation' },
      stagingRoot,
      { op: 'hostname', name: 'x' },
      { op: 'proc', target: '/proc', processesOnly: true, optional: true },
      { op: 'idMap', outerUid: 0, outerGid: 0, innerUid: 0, innerGid: 0 },
      run,
    ];
    for (const step of misplaced) {
      it(`${step.op} outside of its namespace`, async () => {
        expect(await failureOf([keepFds, step])).to.include({ index: 1, step: step.op, errnoName: 'EPERM' });
      });
    }

    it('bind, mask, tmpfs, symlink and pivot before there is a new root', async () => {
      const steps: Step[] = [
        { op: 'bind', source: '/usr', target: '/usr', attributes: 1, make: true, device: 0n, inode: 0n },
        { op: 'mask', target: '/usr', size: 4096n },
        { op: 'tmpfs', target: '/usr', size: 4096n, inodes: 1n, mode: 0o755, attributes: 0, make: true },
        { op: 'symlink', text: '/a', link: '/sallyport-must-not-be-here' },
        { op: 'pivot', attributes: 7 },
      ];
      for (const step of steps) {
        const namespaces: Step = { op: 'unshare', flags: NAMESPACE_FLAGS.mount };
        expect(await failureOf([keepFds, namespaces, step])).to.include({ step: step.op, errnoName: 'EBADF' });
      }
    });
  });

  describe('because of its arguments', () => {
    it('flags that are no namespaces', async () => {
      expect(await failureOf([{ op: 'unshare', flags: 0x100 }])).to.include({ step: 'unshare', errnoName: 'EINVAL' });
    });

    it('fds that are not open, or two for one number', async () => {
      expect(await failureOf([{ op: 'keepFds', from: [0, 77], to: [0, 4] }])).to.include({
        errnoName: 'EBADF',
        detail: 'a declared fd is not open',
      });
      expect(await failureOf([{ op: 'keepFds', from: [0, 1], to: [2, 2] }])).to.include({ errnoName: 'EINVAL' });
      expect(await failureOf([{ op: 'keepFds', from: [0, 1], to: [2] }])).to.include({ errnoName: 'EINVAL' });
      expect(await failureOf([{ op: 'keepFds', from: [0], to: [0x8000_0000] }])).to.include({ errnoName: 'EINVAL' });
    });

    it('a cgroup that cannot be joined through its fd', async () => {
      expect(await failureOf([{ op: 'joinCgroups', fds: [77] }])).to.include({
        step: 'joinCgroups',
        errnoName: 'EBADF',
        detail: 'join a cgroup: fd 77',
      });
      expect(await failureOf([{ op: 'joinCgroups', fds: [0] }])).to.include({ step: 'joinCgroups' });
      expect(await failureOf([{ op: 'joinCgroups', fds: [0x8000_0000] }])).to.include({ errnoName: 'EINVAL' });
    });

    it('a tmpfs without a size', async () => {
      const outcome = await withStep(AS_ROOT, { ...stagingRoot, rootSize: 0n });
      expect(outcome.failed).to.include({ step: 'stagingRoot', errnoName: 'EINVAL', detail: 'mount the new root' });
    });

    it('root for an identity', async () => {
      for (const ids of [
        { uid: 0, gid: 5 },
        { uid: 5, gid: 0 },
        { uid: 0xffff_ffff, gid: 5 },
      ]) {
        expect((await withStep(AS_ROOT, { op: 'identity', ...ids })).failed).to.include({
          step: 'identity',
          errnoName: 'EINVAL',
        });
      }
    });

    it('a Landlock right that the kernel does not know, or a path that is not there', async () => {
      const landlock: Step = {
        op: 'landlock',
        fs: 1n << 60n,
        net: 0n,
        scoped: 0n,
        paths: [],
        rights: [],
        file: -1,
        fileRights: 0n,
      };
      expect((await withStep(AS_ROOT, landlock)).failed).to.include({
        step: 'landlock',
        errnoName: 'EINVAL',
        detail: 'make the ruleset',
      });
      const missing: Step = { ...landlock, fs: 1n, paths: ['/no/such'], rights: [1n] };
      expect((await withStep(AS_ROOT, missing)).failed).to.include({
        errnoName: 'ENOENT',
        detail: 'open the path of a rule: /no/such',
      });
      const uneven: Step = { ...landlock, fs: 1n, paths: ['/'], rights: [] };
      expect((await withStep(AS_ROOT, uneven)).failed).to.include({ errnoName: 'EINVAL' });
    });

    it('filters that are none', async () => {
      for (const filter of [
        new Uint8Array(),
        new Uint8Array(7),
        new Uint8Array(8).fill(255),
        new Uint8Array(4097 * 8),
      ]) {
        expect((await withStep(AS_ROOT, { op: 'stage0', filter })).failed).to.include({
          step: 'stage0',
          errnoName: 'EINVAL',
        });
        const steps = probePlan(AS_ROOT, ['pause'], { supervisor: filter });
        expect(await failureOf(steps)).to.include({
          step: 'run',
          errnoName: 'EINVAL',
          detail: 'install the filter of the launcher',
        });
      }
    });
  });

  for (const who of [AS_ROOT, AS_USER]) {
    it(`because a limit cannot be raised, ${who.name}: it is never left as it is`, async () => {
      const outcome = await withStep(who, { op: 'rlimit', resource: 4, soft: 1n, hard: 1n });
      expect(outcome.failed).to.equal(undefined);
      const steps: Step[] = [
        { op: 'rlimit', resource: 7, soft: 5n, hard: 9n },
        { op: 'rlimit', resource: 7, soft: 5n, hard: 10n },
      ];
      if (!who.asUser) return;
      expect(await failureOf(steps, { asUser: true })).to.include({
        index: 1,
        step: 'rlimit',
        errnoName: 'EPERM',
        detail: 'set a limit: resource 7, soft 5, hard 10, where the hard limit is 9',
      });
    });
  }

  for (const who of [AS_ROOT, AS_USER]) {
    describe(`because the program cannot be executed, ${who.name}`, () => {
      async function executing(path: string): Promise<Outcome> {
        const folder = makeFolder('programs');
        writeFileSync(join(folder, 'not-executable'), '', { mode: 0o644 });
        writeFileSync(join(folder, 'no-program'), 'text', { mode: 0o755 });
        const mounts = [probeMount(), { kind: 'directory' as const, source: folder, target: '/programs' }];
        const program = { path, argv: ['x'], env: {}, cwd: '/' };
        return runPlan(encodePlan(probePlan(who, [], { mounts, program, landlockAbi: 0 })), { asUser: who.asUser });
      }

      for (const [path, errnoName] of [
        ['/programs/missing', 'ENOENT'],
        ['/programs/not-executable', 'EACCES'],
        ['/programs/no-program', 'ENOEXEC'],
      ] as const) {
        it(`${errnoName}`, async () => {
          const outcome = await executing(path);
          expect(outcome.failed).to.include({ step: 'run', errnoName, detail: `execute: ${path}` });
          expect(outcome.frames).to.deep.equal(['Stage', 'Failed']);
          expect(outcome.pid1).to.include({ kind: 'exited', code: 1 });
        });
      }
    });
  }

  it('because there is no program at the end of the plan', async () => {
    expect(await failureOf([keepFds])).to.include({ detail: 'the plan ends without a program to run' });
  });

  it('because the environment of the launcher is not empty, which would lie in the memory of pid 1', async () => {
    const plan = join(theWorld().folder, 'environment.plan');
    writeFileSync(plan, encodePlan([keepFds]));
    const fd = openSync(plan, 'r');
    const launcher = spawn(theWorld().launcher, {
      env: { SECRET: 'x' },
      stdio: ['ignore', 'ignore', 'inherit', 'ignore', 'pipe', fd],
    });
    closeSync(fd);
    const life = launcher.stdio[4] ?? expect.fail();
    const chunks: Buffer[] = [];
    for await (const chunk of life as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(decodeFailed(Buffer.concat(chunks).subarray(12))).to.include({
      index: undefined,
      step: 'start',
      detail: 'the environment of the launcher is not empty',
    });
  });
});

describe('the fds of the program', () => {
  launcherLeakGate();

  it('go to their numbers though these overlap', async () => {
    const folder = makeFolder('fds');
    const declared = ['a', 'b', 'c'].map((name) => {
      writeFileSync(join(folder, name), name);
      return openSync(join(folder, name), 'r');
    });
    for (const to of [
      [4, 5, 6],
      [6, 4, 5],
      [7, 6, 8],
      [8, 7, 6],
      [20, 5, 6],
    ]) {
      const questions = [...to.map((fd) => `contents=/proc/self/fd/${fd}`), 'fds'];
      const steps = probePlan(AS_ROOT, questions, { landlockAbi: 0 }).map(
        (step): Step =>
          step.op === 'keepFds' ? { op: 'keepFds', from: [0, 1, 2, 3, 6, 7, 8], to: [0, 1, 2, 3, ...to] } : step,
      );
      const { stdout, failed } = await runPlan(encodePlan(steps), { declared });
      expect(failed).to.equal(undefined);
      const found = stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[1]?.trimEnd());
      expect(found).to.deep.equal(['a', 'b', 'c', [0, 1, 2, 3, ...to.toSorted((a, b) => a - b)].join(' ')]);
    }
    declared.forEach(closeSync);
  });

  it('may be as many as a message can carry', async () => {
    const declared = Array.from({ length: 250 }, () => openSync('/dev/null', 'r'));
    const answer = await askOne(
      AS_ROOT,
      'fds',
      { fds: { comms: 3, declared: declared.map((_, index) => index + 4) } },
      { declared },
    );
    expect(answer.split(' ')).to.have.length(254);
    declared.forEach(closeSync);
  });
});
