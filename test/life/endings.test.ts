import { expect } from 'chai';
import { describeResult, escapeText } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet } from '../support/puppet.js';

describe('the end of a sandboxee', () => {
  leakGate();

  for (const code of [0, 1, 42, 255]) {
    it(`by exit code ${code} is the result`, async () => {
      await using sandboxee = await launchPuppet();
      await begin(sandboxee, (_kit, exitCode: number) => process.exit(exitCode), code);
      const result = await sandboxee.result;
      expect(result).to.include({ status: 'ok', exitCode: code });
      expect(describeResult(result)).to.equal(`exited with code ${code}`);
    });
  }

  it('by an uncaught exception has its exit code, and the message in the tail of stderr', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, () => {
      setImmediate(() => {
        throw new Error('the picture is upside down');
      });
    });
    const result = await sandboxee.result;
    expect(result).to.include({ status: 'ok', exitCode: 1 });
    expect(result.stderr).to.contain('Error: the picture is upside down');
  });

  it('by process.abort() is SIGABRT', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, () => process.abort());
    const result = await sandboxee.result;
    expect(result).to.include({ status: 'signaled', signal: 'SIGABRT' });
    expect(describeResult(result)).to.match(/^ended by SIGABRT/);
  });

  it('by a store to memory that it may only read is SIGSEGV', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, async ({ gate }) => {
      const buffer = await gate.requestBuffer(4096, 'read-only');
      buffer.unsafeBytes()[0] = 1;
    });
    expect(await sandboxee.result).to.include({ status: 'signaled', signal: 'SIGSEGV' });
  });

  it('comes with what it used up', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, () => {
      const end = process.cpuUsage().user + 200_000;
      while (process.cpuUsage().user < end);
      process.exit(0);
    });
    const { usage } = await sandboxee.result;
    expect(usage.userTime).to.be.at.least(200);
    expect(usage.maxRss).to.be.greaterThan(20 * 2 ** 20);
    expect(usage.minorFaults).to.be.greaterThan(1000);
  });

  it('keeps the last 4 KiB of stderr, and nothing of it can move the cursor or forge a line', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, () => {
      process.stderr.write('x'.repeat(20_000));
      process.stderr.write('\n\u001b[2J\u001b]0;owned\u0007\r\u202egnp.exe\u2028\u0000end\n');
      process.exit(0);
    });
    const { stderr } = await sandboxee.result;
    expect(stderr).to.contain('\\u{1b}[2J\\u{1b}]0;owned\\u{7}\\r\\u{202e}gnp.exe\\u{2028}\\u{0}end\n');
    expect(escapeText(stderr, { max: Infinity, keepLines: true }), 'nothing is left to escape').to.equal(stderr);
    expect(stderr.length).to.be.lessThan(3 * 4096);
    expect(stderr).to.match(/^x/);
  });
});
