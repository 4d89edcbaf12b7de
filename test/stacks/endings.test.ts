import { expect } from 'chai';
import { describeResult, type Result } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, type PuppetOptions } from '../support/puppet.js';
import { namesOf, readTablesFirst } from './support.js';

/** Spins in JavaScript until its end. */
async function endOfSpinning(options: PuppetOptions, end?: (kill: () => void) => void): Promise<Result> {
  await using sandboxee = await launchPuppet(options);
  await begin(sandboxee, async ({ gate }) => {
    await gate.comms.sendBool(true);
    function spinning(): never {
      for (;;);
    }
    spinning();
  });
  await sandboxee.comms.recvBool();
  end?.(() => sandboxee.kill());
  return await sandboxee.result;
}

describe('the stack at the end', () => {
  leakGate();
  readTablesFirst();

  it('by timeout is that of the main thread', async () => {
    const result = await endOfSpinning({ limits: { wallTime: 1000 } });
    expect(result.status).to.equal('timeout');
    expect(result.stacks).to.have.length(1);
    expect(namesOf(result.stacks[0])).to.include.members(['js:spinning', 'node::Start']);
    expect(describeResult(result)).to.match(
      /^wall time ran out.*\n {2}thread \d+.*\n {4}at JavaScript, claimed: spinning/,
    );
  });

  it('by timeout is that of all threads where it is asked for', async () => {
    const result = await endOfSpinning({ limits: { wallTime: 1000 }, stacks: { allThreads: true } });
    expect(result.stacks.length).to.be.greaterThan(4);
    expect(result.stacks.flatMap(namesOf)).to.include.members(['js:spinning', 'uv_cond_wait']);
  });

  it('by timeout is not taken where it is not wanted', async () => {
    const result = await endOfSpinning({ limits: { wallTime: 1000 }, stacks: { timeout: false } });
    expect(result).to.include({ status: 'timeout' });
    expect(result.stacks).to.deep.equal([]);
  });

  it('by kill() is taken only where it is asked for', async () => {
    const kill = (now: () => void): void => now();
    expect((await endOfSpinning({}, kill)).stacks).to.deep.equal([]);
    const result = await endOfSpinning({ stacks: { kill: true } }, kill);
    expect(result.status).to.equal('killed');
    expect(namesOf(result.stacks[0])).to.include('node::Start');
  });

  it('by exit or a signal there is none', async () => {
    for (const action of [() => process.exit(3), () => process.abort()]) {
      await using sandboxee = await launchPuppet({ stacks: { kill: true, allThreads: true } });
      await begin(sandboxee, action);
      expect((await sandboxee.result).stacks).to.deep.equal([]);
    }
  });
});

describe('launch().stacks', () => {
  leakGate();

  for (const [stacks, says] of [
    [{ exit: true }, /launch\(\)\.stacks\.exit.*ended by itself/],
    [{ signal: true }, /launch\(\)\.stacks\.signal.*ended by itself/],
    [
      { violations: true },
      /launch\(\)\.stacks\.violations.*no such option; there are violation, timeout, kill, allThreads/,
    ],
    [{ kill: 'yes' }, /launch\(\)\.stacks\.kill.*true or false/],
    ['all', /launch\(\)\.stacks.*not an object/],
  ] as const) {
    it(`refuses ${JSON.stringify(stacks)}`, async () => {
      const refusal = await launchPuppet({ stacks: stacks as never }).catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(Error);
      expect((refusal as Error).message).to.match(says);
    });
  }
});
