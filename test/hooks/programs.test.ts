import { expect } from 'chai';
import {
  dangerouslyPermitAllAndLog,
  LaunchError,
  launch,
  PolicyBuilder,
  policies,
  program,
  traceAllSyscalls,
} from '../../broker/index.js';
import { launchGuest } from '../programs/support.js';
import { leakGate } from '../support/leak-gate.js';
import { recording, requireViolation } from './support.js';

const cat = program('/bin/cat', { args: ['/proc/self/status'], read: ['/lib', '/lib64', '/usr/lib'] });
const limits = { wallTime: 20_000 };

describe('a program that is filtered from its first instruction', () => {
  leakGate();

  it('is traced from its first syscall; the exec that begins it is not asked about', async () => {
    const { hooks, asked } = recording(() => 'allow');
    const policy = policies.staticBinary().traceSyscall('exit_group').build();
    await using guest = await launchGuest(['exit:7'], {}, { policy, hooks });
    expect(await guest.result).to.include({ status: 'ok', exitCode: 7 });
    expect(asked.map(({ text }) => text)).to.deep.equal(['exit_group(7)']);
  });

  it('with traceAllSyscalls does what the hook lets it, and no more', async () => {
    const { hooks, asked } = recording(({ name }) => (name === 'exit_group' ? 'deny' : 'allow'));
    const policy = new PolicyBuilder().defaultAction(traceAllSyscalls).build();
    await using guest = await launchGuest(['exit:7'], {}, { policy, hooks });
    const result = requireViolation(await guest.result);
    expect(result.syscall).to.include({ name: 'exit_group', text: 'exit_group(7)' });
    expect(asked.map(({ name }) => name))
      .to.include('brk')
      .and.not.include('execveat');
  });

  it('is seen in everything that it does under dangerouslyPermitAllAndLog', async () => {
    const policy = new PolicyBuilder().defaultAction(dangerouslyPermitAllAndLog).build();
    await using sandboxee = await launch(cat, { policy, limits });
    const permitted: string[] = [];
    let dropped = 0;
    sandboxee.events.on('permitted', ({ text }) => permitted.push(text));
    sandboxee.events.on('permitted-dropped', (count) => {
      dropped += count;
    });
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
    expect(permitted.join('\n'))
      .to.match(/^brk\(/m)
      .and.match(/"\/proc\/self\/status"/);
    expect(permitted.length + dropped).to.be.greaterThan(20);
  });

  it('has not begun when started is called, which may have sent it something by then', async () => {
    const events: string[] = [];
    await using guest = await launchGuest(
      ['echo'],
      {},
      {
        hooks: {
          async started({ comms, pid }) {
            expect(pid).to.be.greaterThan(0);
            events.push('started');
            await comms.sendInt8(5);
          },
        },
      },
    );
    expect(events).to.deep.equal(['started']);
    expect(await guest.comms.recvInt8()).to.equal(5);
  });

  it('never begins where started throws', async () => {
    const error: unknown = await launchGuest(
      ['exit:0'],
      {},
      {
        hooks: {
          started: () => {
            throw new Error('no');
          },
        },
      },
    ).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(LaunchError);
    if (error instanceof LaunchError) {
      expect(error.result).to.include({ status: 'setup-error', step: 'hook:started' });
    }
  });
});
