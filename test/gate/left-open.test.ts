import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { type Kit, launchPuppet, perform } from '../support/puppet.js';
import { needsNamespaces } from '../support/tier.js';
import { expectSetupError, launchWithTasks, type Tasks } from './support.js';

interface LeftOpen {
  readonly what: string;
  /** Before the gate, inside. */
  readonly before: (kit: Kit) => unknown;
  readonly step: string;
  readonly says: RegExp;
}

// syscall numbers of x86-64
const LEFT_OPEN: readonly LeftOpen[] = [
  {
    what: 'a memfd, the only writable file that its world has',
    before: ({ attack }) => attack.syscall(319, Buffer.from('loot\0'), 0),
    step: 'gate:writable-file',
    says: /fd \d+ .*"\/memfd:loot/,
  },
  {
    what: 'a directory',
    before: ({ modules: { fs } }) => fs.openSync(process.argv[1]?.replace(/\/[^/]*$/, '') ?? '', 'r'),
    step: 'gate:directory',
    says: /fd \d+ .*"\/.*\/fixtures"/,
  },
  {
    what: 'an O_PATH fd of a file',
    before: ({ attack }) => attack.syscall(257, -100, Buffer.from('/dev/null\0'), 0o10000000),
    step: 'gate:directory',
    says: /"\/dev\/null"/,
  },
  {
    what: 'a pair of unix sockets',
    before: ({ attack }) => attack.syscall(53, 1, 1, 0, Buffer.alloc(8)),
    step: 'gate:socket',
    says: /"socket:\[\d+\]"/,
  },
  { what: 'an inet socket', before: ({ attack }) => attack.syscall(41, 2, 1, 0), step: 'gate:socket', says: /socket:/ },
  {
    what: 'a netlink socket',
    before: ({ attack }) => attack.syscall(41, 16, 3, 0),
    step: 'gate:socket',
    says: /socket:/,
  },
  {
    what: 'a listening server of Node',
    before: ({ modules: { net } }) =>
      new Promise((resolve) => net.createServer().listen({ path: '\0sallyport' }, () => resolve(0))),
    step: 'gate:socket',
    says: /socket:/,
  },
  {
    what: 'a second number for comms',
    before: ({ attack }) => attack.syscall(32, 3),
    step: 'gate:socket',
    says: /fd (?!3 )\d+ .*socket:/,
  },
  {
    what: 'a pidfd',
    before: ({ attack }) => attack.syscall(434, process.pid, 0),
    step: 'gate:descriptor',
    says: /pidfd/,
  },
  {
    what: 'a namespace',
    before: ({ modules: { fs } }) => fs.openSync('/proc/self/ns/net', 'r'),
    step: 'gate:descriptor',
    says: /net:\[\d+\]/,
  },
  {
    what: 'a Landlock ruleset',
    before: ({ attack }) => attack.syscall(444, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]), 8, 0),
    step: 'gate:descriptor',
    says: /landlock-ruleset/,
  },
];

describe('what trusted start-up leaves open', () => {
  leakGate();

  for (const { what, before, step, says } of LEFT_OPEN) {
    it(`ends the launch: ${what}`, async () => {
      const { hint } = await expectSetupError(launchPuppet({ before }), step, says);
      expect(hint).to.match(/close it before the gate/);
    });
  }

  it('ends the launch: a directory of its /proc', async function () {
    needsNamespaces(this, 'it may not look into /proc');
    const before = ({ modules: { fs } }: Kit): number => fs.openSync('/proc/self/fd', 'r');
    await expectSetupError(launchPuppet({ before }), 'gate:directory', /\/fd"/);
  });

  it('ends the launch: a socket in the fd table of a thread that has one of its own', async () => {
    const before = ({ require }: Kit): void => {
      const tasks: Tasks = require(process.env.TASKS ?? '');
      if (tasks.threadWithOwnSocket() < 0) throw new Error('no such thread');
    };
    await expectSetupError(launchWithTasks({ before }), 'gate:socket', /socket:/);
  });

  it('ends the launch: something else at the number of comms, in such a thread', async () => {
    const before = ({ require }: Kit): void => {
      const tasks: Tasks = require(process.env.TASKS ?? '');
      if (tasks.threadWithOtherComms() < 0) throw new Error('no such thread');
    };
    await expectSetupError(launchWithTasks({ before }), 'gate:comms', /fd 3 .*"\/dev\/null"/);
  });

  it('may be what leads nowhere: read-only files, pipes, devices, timers, wake-ups', async () => {
    await using sandboxee = await launchPuppet({
      before: ({ attack, modules: { fs }, state }) => {
        const room = Buffer.alloc(8);
        const results = {
          file: fs.openSync(process.execPath, 'r'),
          devNull: fs.openSync('/dev/null', 'r+'),
          pipe: attack.syscall(293, room, 0),
          eventfd: attack.syscall(290, 0, 0),
          epoll: attack.syscall(291, 0),
          timerfd: attack.syscall(283, 1, 0),
          signalfd: attack.syscall(289, -1, room, 8, 0),
          inotify: attack.syscall(294, 0),
        };
        state.results = results;
      },
    });
    const results = await perform(sandboxee, ({ state }) => state.results as Record<string, number>);
    for (const [what, result] of Object.entries(results)) expect(result, what).to.be.at.least(0);
  });
});
