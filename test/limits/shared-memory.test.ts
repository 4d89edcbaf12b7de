import { expect } from 'chai';
import { BufferQuota, MiB } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet, perform } from '../support/puppet.js';

describe('the limit of sharedMemory', () => {
  leakGate();

  it('refuses the buffer beyond it with BufferQuota, and ends nobody', async () => {
    await using sandboxee = await launchPuppet({ limits: { sharedMemory: 4 * MiB } });
    const refusal = await perform(sandboxee, async ({ gate, state }) => {
      const kept: unknown[] = [];
      state.kept = kept;
      for (;;) {
        try {
          kept.push(await gate.requestBuffer(2 ** 20));
        } catch (error) {
          const { code, asked, available } = error as { code: string; asked: number; available: number };
          return { granted: kept.length, code, asked, available };
        }
      }
    });
    expect(refusal).to.deep.equal({ granted: 4, code: 'ERR_SALLYPORT_BUFFER_QUOTA', asked: MiB, available: 0 });
    expect(await perform(sandboxee, () => 'alive')).to.equal('alive');
  });

  it('is one for both sides', async () => {
    await using sandboxee = await launchPuppet({ limits: { sharedMemory: 2 * MiB } });
    using held = sandboxee.createBuffer(MiB);
    const code = await perform(sandboxee, ({ gate }) =>
      gate.requestBuffer(2 * 2 ** 20).then(
        () => 'granted',
        (error: { code: string }) => error.code,
      ),
    );
    expect(code).to.equal('ERR_SALLYPORT_BUFFER_QUOTA');
    expect(() => sandboxee.createBuffer(2 * MiB)).to.throw(BufferQuota, 'limits.sharedMemory');
    expect(held.size).to.equal(MiB);
  });

  it('of 0 means none at all', async () => {
    await using sandboxee = await launchPuppet({ limits: { sharedMemory: 0 } });
    expect(() => sandboxee.createBuffer(1)).to.throw(BufferQuota);
  });

  it('does not count as memory of the broker what was never used, and does count as the sandboxee’s what it fills', async () => {
    await using sandboxee = await launchPuppet({ limits: { memory: 128 * MiB, sharedMemory: 256 * MiB } });
    await perform(sandboxee, async ({ gate }) => {
      const buffer = await gate.requestBuffer(2 ** 28);
      buffer.unsafeBytes().fill(1);
    }).catch(() => {});
    expect(await sandboxee.result).to.include({ status: 'limit', which: 'memory', asked: 128 * MiB });
  });
});
