import { expect } from 'chai';
import { policies } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { tierUnderTest } from '../support/tier.js';
import { launchRogue } from './rogue.js';
import { expectSetupError } from './support.js';

// flags of seccomp(2): TSYNC 1, NEW_LISTENER 8, TSYNC_ESRCH 16
describe('the late filter', () => {
  leakGate();

  it('is installed by an honest sandboxee, piece by piece', async () => {
    await using sandboxee = await launchRogue(async (kit) => {
      await kit.hello();
      const { program, flags } = await kit.filter();
      kit.sendListener(kit.install(program, flags));
      kit.sendSealed();
      await kit.go();
      await kit.comms().sendString('through the gate');
    });
    expect(await sandboxee.comms.recvString()).to.equal('through the gate');
  });

  it('cannot be skipped: any fd for a listener is named', async () => {
    const launching = launchRogue(async (kit) => {
      await kit.hello();
      await kit.filter();
      kit.sendListener(kit.attack.syscall(32, 0));
      kit.sendSealed();
      await kit.go();
    });
    await expectSetupError(launching, 'gate:listener', /sent "\/dev\/null" for its listener/);
  });

  it('cannot be installed without a listener', async () => {
    const launching = launchRogue(async (kit) => {
      await kit.hello();
      const { program } = await kit.filter();
      kit.install(program, 1);
      kit.sendListener(kit.attack.syscall(290, 0, 0));
      kit.sendSealed();
      await kit.go();
    });
    await expectSetupError(launching, 'gate:listener', /eventfd/);
  });

  it('must be in force in every thread: without TSYNC the others lack it', async () => {
    const launching = launchRogue(async (kit) => {
      await kit.hello();
      const { program, flags } = await kit.filter();
      kit.sendListener(kit.install(program, flags & ~(1 | 16)));
      kit.sendSealed();
      await kit.go();
    });
    const { hint } = await expectSetupError(launching, 'gate:filter', /thread \d+ has 1 filters where 2 were expected/);
    expect(hint).to.match(/every thread/);
  });

  it('must be the only one: a second filter on top could have a listener of its own', async () => {
    const launching = launchRogue(async (kit) => {
      await kit.hello();
      const { program, flags } = await kit.filter();
      kit.tasks.allowAll(1);
      kit.sendListener(kit.install(program, flags));
      kit.sendSealed();
      await kit.go();
    });
    await expectSetupError(launching, 'gate:filter', /has 3 filters where 2 were expected/);
  });

  it('keeps its listener nowhere but with the broker', async () => {
    const launching = launchRogue(
      async (kit) => {
        await kit.hello();
        const { program, flags } = await kit.filter();
        const listener = kit.install(program, flags);
        if (kit.attack.syscall(72, listener, 1030, 20) < 0) throw new Error('no second one could be had');
        kit.sendListener(listener);
        kit.sendSealed();
        await kit.go();
      },
      { policy: policies.node().allowSafeFcntl().build() },
    );
    const { hint } = await expectSetupError(
      launching,
      'gate:listener',
      /fd \d+ is still open: "anon_inode:seccomp notify"/,
    );
    expect(hint).to.match(/it must be closed/);
  });

  it('says which thread has a filter of its own that ours cannot cover', async () => {
    const launching = launchRogue(async (kit) => {
      kit.tasks.threadWithOwnFilter();
      await kit.sandboxMeHere();
    });
    const { errno, hint } = await expectSetupError(
      launching,
      'gate:filter',
      // The SDK looks through /proc/self/task for it.
      tierUnderTest === 'full' ? /thread \d+ has installed a seccomp filter of its own/ : /a thread has installed/,
    );
    expect(errno).to.equal('ESRCH');
    expect(hint).to.match(/before the gate/);
  });

  it('may come on top of one that every thread has had from before hello', async () => {
    await using sandboxee = await launchRogue(async (kit) => {
      kit.tasks.allowAll(1);
      const gate = await kit.sandboxMeHere();
      await gate.comms.sendBool(true);
    });
    expect(await sandboxee.comms.recvBool()).to.equal(true);
  });
});

describe('the number of comms', () => {
  leakGate();

  it('has the socket that the broker made, and not another', async () => {
    const launching = launchRogue(async ({ attack, frame, hello, filter, tasks, go, Tag }) => {
      await hello();
      await filter();
      const listener = tasks.allowAll(1 | 8 | 16);
      const comms = attack.syscall(72, 3, 1030, 40);
      const other = attack.syscall(41, 1, 1, 0);
      attack.syscall(33, other, 3);
      attack.syscall(3, other);
      attack.sendWithFds(comms, frame(Tag.Listener), [listener]);
      attack.syscall(3, listener);
      attack.syscall(1, comms, frame(Tag.Sealed), 12);
      await go();
    });
    await expectSetupError(launching, 'gate:socket', /^fd 3 is still open: "socket:/);
  });
});
