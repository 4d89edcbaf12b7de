import { constants } from 'node:os';
import { expect } from 'chai';
import type { Sandboxee } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet, perform } from '../support/puppet.js';
import { tierUnderTest } from '../support/tier.js';
import { type Call, call } from './support.js';

const { ENOSYS, ENOENT, EBADF, EPERM, ESRCH } = constants.errno;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;

/** Libraries probe for these and do without: they are answered, and the sandboxee goes on. */
const ANSWERED: readonly (readonly [answer: number, call: Call])[] = [
  [-ENOSYS, ['io_uring_setup', 8, 'bytes:120']],
  [-ENOSYS, ['io_uring_enter', 4, 1, 1, 0, 0, 0]],
  [-ENOSYS, ['io_uring_register', 4, 0, 0, 0]],
  [-ENOSYS, ['clone3', 'bytes:88', 88]],
  [-ENOSYS, ['openat2', AT_FDCWD, '/etc/passwd', 'bytes:24', 24]],
  [-ENOSYS, ['statx', 0, '', AT_EMPTY_PATH, 0x7ff, 'bytes:256']],
  [-EBADF, ['newfstatat', 0, '', 'bytes:144', AT_EMPTY_PATH]],
  [-EPERM, ['capget', 'bytes:8', 'bytes:24']],
];

/** Paths; each is a denial too. */
const DENIED: readonly (readonly [call: Call, says: string])[] = [
  [['open', '/etc/passwd', 0], 'open("/etc/passwd", O_RDONLY)'],
  [['openat', AT_FDCWD, '/etc/shadow', 2], 'openat(AT_FDCWD, "/etc/shadow", O_RDWR)'],
  [['openat', AT_FDCWD, '/proc/1/mem', 2], 'openat(AT_FDCWD, "/proc/1/mem", O_RDWR)'],
  [['openat', AT_FDCWD, '/proc/1/environ', 0], 'openat(AT_FDCWD, "/proc/1/environ", O_RDONLY)'],
  [['openat', AT_FDCWD, '/proc/self/mem', 2], 'openat(AT_FDCWD, "/proc/self/mem", O_RDWR)'],
  [['openat', AT_FDCWD, '/proc/self/fd/0', 2], 'openat(AT_FDCWD, "/proc/self/fd/0", O_RDWR)'],
  [['openat', AT_FDCWD, '/dev/null', 1], 'openat(AT_FDCWD, "/dev/null", O_WRONLY)'],
  [['openat', AT_FDCWD, '/a\nb\u001b[2J', 0], 'openat(AT_FDCWD, "/a\\nb\\u{1b}[2J", O_RDONLY)'],
  [['stat', '/etc/ssl', 'bytes:144'], ''],
  [['readlink', '/proc/self/cwd', 'bytes:64', 64], ''],
  [['unlink', '/etc/passwd'], 'unlink("/etc/passwd")'],
  [['symlinkat', 'x', AT_FDCWD, '/tmp/x'], ''],
  [['chdir', '/proc'], 'chdir("/proc")'],
  [['truncate', '/etc/passwd', 0], 'truncate("/etc/passwd", 0)'],
];

describe('what is refused with an errno, and the sandboxee goes on', () => {
  leakGate();
  describe('in one sandboxee, one after the other', severalAnswers);
});

function severalAnswers(): void {
  let sandboxee: Sandboxee;

  before(async () => {
    sandboxee = await launchPuppet();
  });

  after(async () => {
    await sandboxee.close();
  });

  for (const [answer, attempt] of ANSWERED) {
    it(`${attempt[0]}: errno ${-answer}, without a report`, async () => {
      const firstReported = new Promise((resolve) => sandboxee.events.once('denial', ({ text }) => resolve(text)));
      expect(await call(sandboxee, attempt)).to.equal(answer);
      await call(sandboxee, ['rmdir', '/the/next']);
      expect(await firstReported).to.equal('rmdir("/the/next")');
    });
  }

  for (const [attempt, says] of DENIED) {
    it(`${attempt[0]} of ${JSON.stringify(attempt.slice(1).find((value) => typeof value === 'string'))}: ENOENT, and a denial`, async () => {
      const denied = new Promise<{ name: string; text: string; errno: string }>((resolve) =>
        sandboxee.events.once('denial', resolve),
      );
      expect(await call(sandboxee, attempt)).to.equal(-ENOENT);
      const { name, text, errno } = await denied;
      expect({ name, errno }).to.deep.equal({ name: attempt[0], errno: 'ENOENT' });
      if (says !== '') expect(text).to.equal(says);
    });
  }

  it('numbers above the table of syscalls: ENOSYS', async () => {
    const answers = await perform(sandboxee, ({ attack }) =>
      [600, 1000, 0x3fff_ffff].map((number) => attack.syscall(number, 1, 2, 3)),
    );
    expect(answers).to.deep.equal([-ENOSYS, -ENOSYS, -ENOSYS]);
  });

  it('abort signals to others, which tgkill is allowed for: nobody gets them', async () => {
    expect(await call(sandboxee, ['tgkill', 1, 1, 6])).to.be.oneOf([0, -EPERM, -ESRCH]);
    expect(await call(sandboxee, ['tgkill', process.pid, process.pid, 6])).to.equal(
      tierUnderTest === 'full' ? -ESRCH : -EPERM,
    );
    expect(await call(sandboxee, ['getpid'])).to.be.greaterThan(1);
  });
}
