import { expect } from 'chai';
import { OptionError } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';

/** Milliseconds; longer than what a test waits for. */
const LONG = 30_000;

describe('setWallTime()', () => {
  leakGate();

  it('ends by a timeout who had no wall time before', async () => {
    await using sandboxee = await launchPuppet({ limits: { wallTime: Infinity } });
    sandboxee.setWallTime(200);
    const result = await sandboxee.result;
    expect(result).to.include({ status: 'timeout', asked: 200 });
    if (result.status === 'timeout') expect(result.used).to.be.within(199, LONG);
  });

  it('replaces the time that launch() was given, for a shorter or a longer one', async () => {
    await using shortened = await launchPuppet({ limits: { wallTime: LONG } });
    shortened.setWallTime(100);
    expect(await shortened.result).to.include({ status: 'timeout', asked: 100 });

    await using lengthened = await launchPuppet({ limits: { wallTime: 1500 } });
    lengthened.setWallTime(LONG);
    await perform(lengthened, () => new Promise<void>((resolve) => setTimeout(() => resolve(), 1600)));
    await begin(lengthened, () => process.exit(3));
    expect(await lengthened.result).to.include({ status: 'ok', exitCode: 3 });
  });

  it('counts from each call anew, so that every request can have a time of its own', async () => {
    await using sandboxee = await launchPuppet();
    for (let request = 0; request < 4; request += 1) {
      sandboxee.setWallTime(700);
      await perform(sandboxee, () => new Promise<void>((resolve) => setTimeout(() => resolve(), 250)));
    }
    sandboxee.setWallTime(100);
    await begin(sandboxee, () => {
      for (;;);
    });
    expect(await sandboxee.result).to.include({ status: 'timeout', asked: 100 });
  });

  it('with Infinity lifts it, between requests', async () => {
    await using sandboxee = await launchPuppet();
    sandboxee.setWallTime(300);
    sandboxee.setWallTime(Infinity);
    await perform(sandboxee, () => new Promise<void>((resolve) => setTimeout(() => resolve(), 400)));
    sandboxee.kill();
    expect((await sandboxee.result).status).to.equal('killed');
  });

  it('throws an OptionError for what is no time, and leaves the time as it was', async () => {
    await using sandboxee = await launchPuppet({ limits: { wallTime: LONG } });
    sandboxee.setWallTime(300);
    for (const wrong of [0, -1, 0.5, Number.NaN, -Infinity, 2 ** 31]) {
      expect(() => sandboxee.setWallTime(wrong), String(wrong)).to.throw(OptionError, 'limits.wallTime');
    }
    expect(() => Reflect.apply(sandboxee.setWallTime, sandboxee, ['1000'])).to.throw(OptionError, 'limits.wallTime');
    expect(await sandboxee.result).to.include({ status: 'timeout', asked: 300 });
  });

  it('after the end does nothing', async () => {
    const sandboxee = await launchPuppet();
    const result = await sandboxee.close();
    sandboxee.setWallTime(1);
    expect(await sandboxee.result).to.equal(result);
  });
});
