import { expect } from 'chai';
import { Fd, type Sandboxee } from '../../broker/index.js';
import { Tag } from '../../protocols/tags.js';
import { reaped } from '../addon/support.js';
import { frame } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { openFiles } from '../support/processes.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { flood, launchArmed } from './support.js';

const PEERS = 64;
/** Those that try again whenever the kernel refuses, so that the account is never below their own limit for long. */
const STUBBORN = 8;

/** The broker reads as much as it keeps for whoever receives, and the rest stays in flight. */
async function fillSocket(sandboxee: Sandboxee): Promise<void> {
  expect(await flood(sandboxee, frame(Tag.Fd), [0], 100_000)).to.match(/^(stalled|refused with -109) after \d+$/);
}

describe('64 hostile sandboxees with as many fds in flight as they can', () => {
  leakGate();

  it('keep a 65th neither from its launch nor from its answer nor from the fds that the broker sends', async function () {
    this.timeout(90_000);
    const before = openFiles('self').length;
    const hostile = await Promise.all(Array.from({ length: PEERS }, () => launchArmed()));
    await Promise.all(hostile.map(fillSocket));
    expect(openFiles('self').length - before, 'open files of the broker').to.be.lessThan(PEERS * 150);

    for (const sandboxee of hostile.slice(0, STUBBORN)) {
      await begin(
        sandboxee,
        ({ attack }, message: Buffer) => {
          for (;;) attack.sendWithFds(3, message, [0]);
        },
        frame(Tag.Fd),
      );
    }

    await using honest = await launchPuppet();
    expect(await perform(honest, () => 'served')).to.equal('served');
    await begin(honest, async ({ gate: { comms }, modules: { fs } }) => {
      const file = await comms.recvFd();
      return fs.readSync(file.number, Buffer.alloc(1)) === 1;
    });
    await honest.comms.sendFd(Fd.open('/etc/passwd'));
    expect(await honest.comms.recvValue()).to.deep.equal({ value: true });

    const results = await Promise.all(hostile.map((sandboxee) => sandboxee.close()));
    expect(new Set(results.map(({ status }) => status))).to.deep.equal(new Set(['killed']));
    await reaped();
  });
});
