import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { elfInterpreter } from '../../broker/plan/elf.js';
import { encodePlan } from '../../broker/plan/encode.js';
import { probe } from '../../native/broker.js';
import { launcherLeakGate } from './leak-gate.js';
import { ALLOW_ALL, AS_ROOT, AS_USER, ask, askOne, deviceMounts, probeMount, probePlan } from './plans.js';
import { Run, runPlan } from './run.js';
import { makeFolder, theWorld } from './world.js';

const { EACCES, EINVAL, ENETUNREACH, EPERM, EROFS } = constants.errno;
const hasLandlock = probe().landlockAbi > 0;

for (const who of [AS_ROOT, AS_USER]) {
  describe(`the launcher, ${who.name}`, () => {
    launcherLeakGate();

    it('reports pid 1, then the program, then how the program ended', async () => {
      const outcome = await runPlan(encodePlan(probePlan(who, ['exit=7'])), { asUser: who.asUser });
      expect(outcome.frames).to.deep.equal(['Stage', 'Launched', 'Exited']);
      expect(outcome.exited).to.deep.equal({ kind: 'exited', code: 7 });
      expect(outcome.outer).to.include({ kind: 'exited', code: 0 });
      expect(outcome.pid1).to.include({ kind: 'exited', code: 0 });
      expect(outcome.stderr).to.equal('');
    });

    it('reports the signal that ended the program', async () => {
      const outcome = await runPlan(encodePlan(probePlan(who, ['die=11'])), { asUser: who.asUser });
      expect(outcome.exited).to.include({ kind: 'signaled', signal: 11 });
    });

    it('gives exactly the arguments and the environment of the plan', async () => {
      const answers = await ask(who, ['environment', 'cwd'], {
        program: { path: '/probe', argv: ['anything', 'environment', 'cwd'], env: { A: 'b=c', ä: '' }, cwd: '/dev' },
      });
      expect(answers.get('environment')).to.equal('A=b=c ä=');
      expect(answers.get('cwd')).to.equal('/dev');
    });

    it('puts it in namespaces of its own', async () => {
      const names = ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup', ...(who.asUser ? ['user'] : [])];
      const answers = await ask(
        who,
        names.map((name) => `namespace=${name}`),
      );
      for (const name of names) {
        expect(answers.get(`namespace=${name}`))
          .to.match(new RegExp(`^${name}:\\[\\d+\\]$`))
          .and.not.equal(readlinkSync(`/proc/self/ns/${name}`));
      }
    });

    it('makes it a child of pid 1, in a session of its own without a terminal', async () => {
      const answers = await ask(who, ['parent', 'session']);
      expect(answers.get('parent')).to.equal('2 1');
      expect(answers.get('session')).to.match(/^1 (?!0$)/);
    });

    it('names the host as told, and hides the domain', async () => {
      expect(await askOne(who, 'hostname', { hostname: 'gatehouse' })).to.equal('gatehouse (none)');
    });

    it('shows what was given and nothing else', async () => {
      const answers = await ask(who, ['list=/', 'list=/dev', 'list=/proc']);
      expect(answers.get('list=/')).to.equal('dev probe proc');
      expect(answers.get('list=/dev')).to.equal('null random urandom zero');
      expect(answers.get('list=/proc')).to.equal('1 2 self thread-self');
    });

    it('makes the root read-only', async () => {
      const questions = ['create=/new', 'create=/dev/new', 'write=/probe', 'remove=/probe', 'unmount=/proc', 'mount'];
      // Without Landlock and stage 0, so that it is the mounts that answer.
      const answers = await ask(who, questions, { landlockAbi: 0, start: { mode: 'late', stage0: ALLOW_ALL } });
      expect(answers.get('create=/new')).to.equal(String(EROFS));
      expect(answers.get('create=/dev/new')).to.equal(String(EROFS));
      // An ordinary user may not write the file anyway; root's would be written if the mount let it.
      expect(answers.get('write=/probe')).to.be.oneOf([String(EROFS), String(EACCES)]);
      expect(answers.get('remove=/probe')).not.to.equal('0');
      expect(answers.get('unmount=/proc')).to.equal(String(EPERM));
      expect(answers.get('mount')).not.to.equal('0');
    });

    it('gives every tmpfs a size and a number of files', async () => {
      const folder = makeFolder('secrets');
      writeFileSync(join(folder, '.env'), 'secret');
      const mounts = [
        probeMount(),
        ...deviceMounts(),
        { kind: 'directory' as const, source: folder, target: '/app' },
        { kind: 'mask' as const, source: '/app/.env', target: '/app/.env' },
      ];
      const tmpfs = [{ target: '/tmp', size: 1 << 20, inodes: 16 }];
      const answer = await askOne(who, 'contents=/proc/self/mountinfo', { mounts, tmpfs });
      const found = answer.split('|').filter((line) => line.includes(' - tmpfs '));
      expect(found).to.have.length(2);
      for (const line of found) expect(line).to.match(/size=\d+k,nr_inodes=\d+/);
    });

    it('mounts everything nosuid, and nodev but for devices', async () => {
      const answer = await askOne(who, 'contents=/proc/self/mountinfo', {
        tmpfs: [{ target: '/tmp', size: 1 << 20, inodes: 16 }],
      });
      const mounts = answer
        .split('|')
        .filter((line) => line !== '')
        .map((line) => line.split(' '));
      expect(mounts).to.have.length(8);
      for (const [, , , , target = '', options = ''] of mounts) {
        expect(options, target).to.include('nosuid');
        expect(options, target).to.include(/^\/dev\/./.test(target) ? 'noexec' : 'nodev');
        if (!['/tmp', '/proc'].includes(target)) expect(options, target).to.match(/^ro,/);
      }
    });

    it('gives it the ids of the plan, no groups, and no way back', async () => {
      const answers = await ask(who, ['ids', 'setuid', 'sethostname']);
      const ids = Array(6).fill(who.inner).join(' ');
      expect(answers.get('ids')).to.equal(`${ids} groups 0`);
      // In the user namespace there is no uid 0 to ask for.
      expect(answers.get('setuid')).to.equal(String(who.asUser ? EINVAL : EPERM));
      expect(answers.get('sethostname')).not.to.equal('0');
    });

    it('leaves no capability in any set, and no_new_privs, and one filter on the program', async () => {
      const answers = await ask(who, ['contents=/proc/self/status', 'bounding']);
      const status = answers.get('contents=/proc/self/status') ?? '';
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        expect(status).to.include(`${set}:\t0000000000000000`);
      expect(answers.get('bounding')).to.equal('0');
      expect(status).to.include('NoNewPrivs:\t1|').and.include('Seccomp:\t2|').and.include('Seccomp_filters:\t1|');
    });

    it('has every signal unblocked and at its default', async () => {
      expect(await askOne(who, 'signals')).to.equal('blocked 0, not default 0');
    });

    it('leaves no fd open but the declared ones, which follow the comms socket', async () => {
      expect(await askOne(who, 'fds')).to.equal('0 1 2 3');
      const extra = [openSync('/dev/zero', 'r'), openSync('/dev/null', 'r')];
      expect(await askOne(who, 'fds', { fds: { comms: 3, declared: [4, 5] } }, { declared: extra })).to.equal(
        '0 1 2 3 4 5',
      );
      extra.forEach(closeSync);
    });

    it('sets the limits, RLIMIT_CORE to 1', async () => {
      const rlimits = [
        { resource: 'core', soft: 1, hard: 1 },
        { resource: 'nofile', soft: 50, hard: 60 },
        { resource: 'fsize', soft: 0, hard: 1024 },
        { resource: 'nproc', soft: 20, hard: 20 },
      ] as const;
      const answers = await ask(who, ['limit=4', 'limit=7', 'limit=1', 'limit=6'], { rlimits });
      expect(answers.get('limit=4')).to.equal('1 1');
      expect(answers.get('limit=7')).to.equal('50 60');
      expect(answers.get('limit=1')).to.equal('0 1024');
      expect(answers.get('limit=6')).to.equal('20 20');
    });

    it('adjusts the OOM score', async () => {
      expect(await askOne(who, 'contents=/proc/self/oom_score_adj', { oomScoreAdj: 321 })).to.equal('321|');
    });

    it('makes pid 1 useless to the program: no memory, no environment, no fds, no tracing, no signals', async () => {
      const questions = [
        'readwrite=/proc/1/mem',
        'read=/proc/1/mem',
        'contents=/proc/1/environ',
        'list=/proc/1/fd',
        'memory=1',
        'ptrace=1',
      ];
      // Stage 0 refuses the last two before the kernel would.
      const answers = await ask(who, questions);
      for (const question of questions.slice(0, 2)) expect(answers.get(question), question).to.equal(String(EACCES));
      expect(answers.get('contents=/proc/1/environ')).to.equal(`errno ${EACCES}`);
      expect(answers.get('list=/proc/1/fd')).to.equal(`errno ${EACCES}`);
      for (const question of questions.slice(4)) expect(answers.get(question), question).not.to.equal('0');
      const killed = await ask(who, ['kill=9', 'kill=15', 'kill=19', 'kill=17', 'parent']);
      expect(killed.get('parent')).to.equal('2 1');
    });

    it('makes pid 1 not dumpable, with both filters, no fd but its own, and an empty environment', async () => {
      await using run = new Run(encodePlan(probePlan(who, ['pause'])), { asUser: who.asUser });
      const { pid } = await run.pid1;
      const program = await run.program;
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      expect(status)
        .to.match(/^Seccomp_filters:\t2$/m)
        .and.match(/^NoNewPrivs:\t1$/m)
        .and.match(/^CapEff:\t0+$/m)
        .and.match(/^NSpid:\t\d+\t1$/m);
      expect(readFileSync(`/proc/${program.pid}/status`, 'utf8')).to.match(/^NSpid:\t\d+\t2$/m);
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).to.equal('');
      // The life socket, and its news of children; the pidfd of the program is closed once it was sent.
      while (fdTargets(pid).includes('anon_inode:[pidfd]')) await delay(1);
      expect(fdTargets(pid)).to.have.members(['socket:[N]', 'anon_inode:[signalfd]']);
    });

    if (hasLandlock) {
      it('does not let a read-only fd be reopened for writing', async () => {
        const folder = makeFolder('writable');
        const path = join(folder, `file-${who.inner}`);
        writeFileSync(path, 'x', { mode: 0o666 });
        const fd = openSync(path, 'r');
        // It comes from outside, where the mount is writable and so is the file for everybody.
        const settings = { fds: { comms: 3, declared: [4] } };
        expect(await askOne(who, 'reopen-fd=4', settings, { declared: [fd] })).to.equal(String(EACCES));
        expect(await askOne(who, 'reopen-fd=4', { ...settings, landlockAbi: 0 }, { declared: [fd] })).to.be.oneOf([
          '0',
          String(EACCES),
        ]);
        closeSync(fd);
      });

      it('lets it write to /dev/null and to its tmpfs, and nowhere else', async () => {
        const tmpfs = [{ target: '/tmp', size: 1 << 20, inodes: 16 }];
        const questions = [
          'write=/dev/null',
          'write=/dev/zero',
          'create=/tmp/x',
          'write=/tmp/x',
          'remove=/tmp/x',
          'read=/dev/zero',
        ];
        const answers = await ask(who, questions, { tmpfs });
        expect([...answers.values()]).to.deep.equal(['0', String(EACCES), '0', '0', '0', '0']);
      });

      it('does not let it bind or connect TCP', async () => {
        expect(await askOne(who, 'tcp')).to.equal(String(EACCES));
      });
    }

    it('has no network but a loopback that is down', async () => {
      expect(await askOne(who, 'tcp', { landlockAbi: 0 })).to.equal(String(ENETUNREACH));
    });
  });
}

describe('the launcher', () => {
  it('runs as root without a user namespace', async () => {
    expect(await askOne(AS_ROOT, 'namespace=user')).to.equal(readlinkSync('/proc/self/ns/user'));
  });

  if (process.env.SALLYPORT_TEST_LAUNCHER === undefined) {
    it('is static: it asks for no loader', async () => {
      expect(await elfInterpreter(theWorld().launcher)).to.equal(undefined);
    });
  }
});

function fdTargets(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d+/, 'N'));
}
