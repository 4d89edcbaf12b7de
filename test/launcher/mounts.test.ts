import { mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { encodePlan } from '../../broker/plan/encode.js';
import type { Mount } from '../../broker/plan/mounts.js';
import { launcherLeakGate } from './leak-gate.js';
import { ALLOW_ALL, AS_ROOT, AS_USER, ask, askOne, deviceMounts, probeMount, probePlan, type Who } from './plans.js';
import type { StepFailure } from './reports.js';
import { runPlan } from './run.js';
import { makeFolder } from './world.js';

const { EACCES, EDQUOT, ENOENT, ENOSPC, EROFS } = constants.errno;

function directory(source: string, target = source): Mount {
  return { kind: 'directory', source, target };
}

function mask(target: string): Mount {
  return { kind: 'mask', source: target, target };
}

/** Without Landlock, so that it is the mounts that answer. */
function shown(...mounts: Mount[]): { mounts: Mount[]; landlockAbi: number } {
  return { mounts: [probeMount(), ...deviceMounts(), ...mounts], landlockAbi: 0 };
}

async function failureOf(who: Who, ...mounts: Mount[]): Promise<StepFailure> {
  const { failed } = await runPlan(encodePlan(probePlan(who, ['fds'], shown(...mounts))), { asUser: who.asUser });
  if (failed === undefined) throw new Error('it did not fail');
  return failed;
}

describe('mounts', () => {
  launcherLeakGate();

  for (const who of [AS_ROOT, AS_USER]) {
    describe(who.name, () => {
      it('shows folders beneath /tmp, where the staging root is mounted', async () => {
        const folder = makeFolder('beneath-tmp');
        writeFileSync(join(folder, 'a'), 'text');
        const answers = await ask(
          who,
          [`list=${folder}`, `contents=${folder}/a`, 'list=/tmp'],
          shown(directory(folder)),
        );
        expect(answers.get(`list=${folder}`)).to.equal('a');
        expect(answers.get(`contents=${folder}/a`)).to.equal('text');
        // Of the rest of /tmp nothing is seen.
        expect(answers.get('list=/tmp')).to.match(/^sallyport-launcher-\w+$/);
      });

      it('shows a file alone, at another place', async () => {
        const folder = makeFolder('one-file');
        writeFileSync(join(folder, 'a'), 'text');
        writeFileSync(join(folder, 'b'), 'text');
        const file: Mount = { kind: 'file', source: join(folder, 'a'), target: '/deep/in/here' };
        const answers = await ask(who, ['list=/deep/in', 'contents=/deep/in/here'], shown(file));
        expect([...answers.values()]).to.deep.equal(['here', 'text']);
      });

      it('shows folders read-only, with all that is mounted in them', async () => {
        const answers = await ask(
          who,
          ['create=/host-dev/new', 'create=/host-dev/shm/new', 'contents=/proc/self/mountinfo'],
          shown(directory('/dev', '/host-dev')),
        );
        expect(answers.get('create=/host-dev/new')).to.be.oneOf([String(EROFS), String(EACCES)]);
        // World-writable on the host: only the mount stops it.
        expect(answers.get('create=/host-dev/shm/new')).to.equal(String(EROFS));
      });

      it('does not let a device in a folder be used, nor a device file outside /dev', async () => {
        const answers = await ask(
          who,
          ['read=/host-dev/zero', 'read=/dev/zero'],
          shown(directory('/dev', '/host-dev')),
        );
        expect(answers.get('read=/host-dev/zero')).to.equal(String(EACCES));
        expect(answers.get('read=/dev/zero')).to.equal('0');
      });

      it('covers masked files and folders, and they cannot be uncovered', async () => {
        const folder = makeFolder(`masked-${who.inner}`);
        mkdirSync(join(folder, '.git'), { recursive: true });
        writeFileSync(join(folder, '.git/config'), 'secret');
        writeFileSync(join(folder, '.env'), 'secret', { mode: 0o666 });
        const questions = [
          'contents=/app/.env',
          'list=/app/.git',
          'contents=/app/.git/config',
          'create=/app/.git/x',
          'unmount=/app/.git',
          'unmount=/app/.env',
          'list=/app',
        ];
        const answers = await ask(who, questions, {
          ...shown(directory(folder, '/app'), mask('/app/.env'), mask('/app/.git')),
          start: { mode: 'late', stage0: ALLOW_ALL },
        });
        expect(answers.get('contents=/app/.env')).to.equal('');
        expect(answers.get('list=/app/.git')).to.equal('');
        expect(answers.get('contents=/app/.git/config')).to.equal(`errno ${ENOENT}`);
        expect(answers.get('create=/app/.git/x')).to.be.oneOf([String(EROFS), String(EACCES)]);
        expect(answers.get('unmount=/app/.git')).to.equal(String(constants.errno.EPERM));
        expect(answers.get('unmount=/app/.env')).to.equal(String(constants.errno.EPERM));
        expect(answers.get('list=/app')).to.equal('.env .git');
      });

      it('makes symlinks that lead where they say, inside', async () => {
        const answers = await ask(
          who,
          ['contents=/link/passwd', 'link=/link'],
          shown({ kind: 'symlink', source: '/etc', target: '/link' }),
        );
        expect(answers.get('contents=/link/passwd')).to.equal(`errno ${ENOENT}`);
        expect(answers.get('link=/link')).to.equal('there');
      });

      it('holds a tmpfs to its size and its number of files', async () => {
        const tmpfs = [{ target: '/tmp', size: 64 * 1024, inodes: 10 }];
        const answers = await ask(who, ['fill=/tmp/a', 'remove=/tmp/a', 'fill-inodes=/tmp', 'mode=/tmp'], {
          ...shown(),
          tmpfs,
        });
        expect(answers.get('fill=/tmp/a')).to.be.oneOf([String(ENOSPC), String(EDQUOT)]);
        expect(answers.get('fill-inodes=/tmp')).to.equal(String(ENOSPC));
        expect(answers.get('mode=/tmp')).to.equal('41777');
      });

      it('places a tmpfs around what is shown in it', async () => {
        const folder = makeFolder('in-a-tmpfs');
        writeFileSync(join(folder, 'a'), '');
        const tmpfs = [{ target: '/tmp', size: 64 * 1024, inodes: 10 }];
        const answers = await ask(who, [`list=${folder}`, 'create=/tmp/x'], { ...shown(directory(folder)), tmpfs });
        expect([...answers.values()]).to.deep.equal(['a', '0']);
      });

      it('refuses a source that is, or lies behind, a symlink', async () => {
        const folder = makeFolder(`symlinks-${who.inner}`);
        symlinkSync('/etc', join(folder, 'etc'));
        symlinkSync('/etc/passwd', join(folder, 'passwd'));
        for (const source of [join(folder, 'etc'), join(folder, 'passwd'), join(folder, 'etc/ssl')]) {
          const failed = await failureOf(who, directory(source, '/x'));
          expect(failed).to.include({ step: 'bind', errnoName: 'ELOOP' });
          expect(failed.detail).to.equal(`open the source, which must be a real path: ${source}`);
        }
      });

      it('refuses a source that is no longer what it was when it was judged', async () => {
        const folder = makeFolder(`swapped-${who.inner}`);
        writeFileSync(join(folder, 'a'), '');
        const { dev, ino } = statSync(folder, { bigint: true });
        const granted: Mount = {
          kind: 'granted-directory',
          source: folder,
          target: '/granted',
          access: 'read',
          identity: { device: dev, inode: ino },
        };
        expect((await ask(who, ['list=/granted'], shown(granted))).get('list=/granted')).to.equal('a');
        renameSync(folder, `${folder}-away`);
        mkdirSync(folder);
        const failed = await failureOf(who, granted);
        expect(failed).to.include({ step: 'bind', errnoName: 'ESTALE' });
        expect(failed.detail).to.equal(`find the source as it was when it was judged: ${folder}`);
      });

      it('makes nothing in what is shown of the host, although it is writable', async () => {
        const folder = makeFolder(`writable-${who.inner}`);
        const { dev, ino } = statSync(folder, { bigint: true });
        const granted: Mount = {
          kind: 'granted-directory',
          source: folder,
          target: '/granted',
          access: 'write',
          identity: { device: dev, inode: ino },
        };
        const failed = await failureOf(who, granted, directory('/usr/lib', '/granted/new'));
        expect(failed).to.include({ step: 'bind', errnoName: 'ENOENT', detail: 'open the target: /granted/new' });
        expect(readdirSync(folder)).to.deep.equal([]);
      });

      it('makes no target through a symlink, which could lead out of the new root', async () => {
        const folder = makeFolder('plain');
        const failed = await failureOf(who, { kind: 'symlink', source: '/', target: '/a' }, directory(folder, '/a/b'));
        expect(failed).to.include({ step: 'bind', errnoName: 'ELOOP', detail: 'make the target: /a/b' });
      });

      it('names a source that is missing', async () => {
        expect(await failureOf(who, directory('/no/such/place'))).to.include({ step: 'bind', errnoName: 'ENOENT' });
      });

      it('refuses to mask what is not there, and to make a target in a folder that is shown', async () => {
        const folder = makeFolder('plain');
        expect(await failureOf(who, mask('/nothing'))).to.include({ step: 'mask', errnoName: 'ENOENT' });
        const inside = await failureOf(who, directory(folder, '/app'), directory(folder, '/app/more'));
        expect(inside.step).to.equal('bind');
        expect(inside).to.include({ errnoName: 'ENOENT', detail: 'open the target: /app/more' });
      });

      it('refuses to cover the root', async () => {
        expect((await failureOf(who, directory('/usr', '/'))).step).to.equal('bind');
      });
    });
  }

  it('leaves nothing mounted on the host', async () => {
    expect(await askOne(AS_ROOT, 'fds')).to.equal('0 1 2 3');
  });
});
