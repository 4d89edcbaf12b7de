import { expect } from 'chai';
import { describeResult, LaunchError, launch, OptionError, PolicyBuilder, program } from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet } from '../support/puppet.js';

const nothing = new PolicyBuilder().named('nothing').build();

describe('a policy that allows nothing', () => {
  leakGate();

  it('ends a program by a violation at its first syscall', async () => {
    await using sandboxee = await launch(program(attackProgram('hello')), { policy: nothing });
    const result = await sandboxee.result;
    expect(result).to.include({ status: 'violation', kind: 'syscall' });
    expect(result.usage.maxRss).to.be.greaterThan(0);
  });

  it('is refused for a Node program before anything starts, since its filter could not be handed over', async () => {
    const error = await failure(launchPuppet({ policy: nothing }));
    expect(error).to.be.instanceOf(OptionError);
    expect(String(error)).to.include("'nothing' refuses sendmsg on comms").and.to.include('allowComms()');
    const elsewhere = await failure(launchPuppet({ policy: nothing, node: { fds: { '3': 'pipe' } } }));
    expect(elsewhere, 'comms moved to 4').to.be.instanceOf(OptionError);
  });

  it('but comms ends a Node program right after its gate, by a syscall that is named', async () => {
    const policy = new PolicyBuilder().named('comms').allowComms().build();
    const error = await failure(
      launchPuppet({ policy }).then(async (puppet) => expect.fail((await puppet.close()).status)),
    );
    if (!(error instanceof LaunchError)) expect.fail(String(error));
    expect(error.result).to.include({ status: 'violation', kind: 'syscall' });
    expect(describeResult(error.result)).to.match(/^violation: \w+\(/);
  });
});

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
}
