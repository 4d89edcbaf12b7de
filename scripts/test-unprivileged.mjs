// Runs the suite as an ordinary user, in a copy of the package that such a user can read: as root the identity is another,
// and so is a good part of the plan.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

const NOBODY = 65534;
/** Of the tree what neither built nor run anything has to do with. */
const LEFT_OUT = ['.git', '.cache', 'objects'];
/** The launcher's suite is root's, and tries ordinary users by itself; the others know nothing of who runs them. */
const ROOTS_OWN = ['launcher', 'addon', 'fuzz'];

const root = resolve(import.meta.dirname, '..');
if (process.getuid() !== 0) {
  console.log('already an ordinary user: npm test is this run');
  process.exit(0);
}

const copy = mkdtempSync(join(tmpdir(), 'sallyport-unprivileged-'));
try {
  cpSync(root, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !LEFT_OUT.includes(basename(path)),
  });
  run('chmod', ['-R', 'a+rX', copy]);
  run('chown', ['-R', `${NOBODY}:${NOBODY}`, join(copy, 'test/native')]);
  const mocha = join(copy, 'node_modules/mocha/bin/mocha.js');
  const { PATH, SALLYPORT_TEST_TIER } = process.env;
  const env = { PATH, HOME: copy, TMPDIR: tmpdir(), ...(SALLYPORT_TEST_TIER && { SALLYPORT_TEST_TIER }) };
  const ignored = ROOTS_OWN.flatMap((suite) => ['--ignore', `dist/test/${suite}/**`]);
  const { status } = spawnSync(process.execPath, [mocha, ...ignored, 'dist/test/**/*.test.js'], {
    cwd: copy,
    stdio: 'inherit',
    env,
    uid: NOBODY,
    gid: NOBODY,
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function run(command, args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
}
