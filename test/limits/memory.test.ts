import { expect } from 'chai';
import { MiB } from '../../broker/index.js';
import { expectLimit } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';

const LIMIT = 192 * MiB;
const MAP_PRIVATE = 2;

function launchLimited() {
  return launchPuppet({ limits: { memory: LIMIT } });
}

describe('the limit of memory', () => {
  leakGate();

  it('holds for native allocations, as fast as they can be made', async () => {
    await using sandboxee = await launchLimited();
    await begin(sandboxee, ({ attack }) => {
      while (attack.allocate(2 ** 30, 2 ** 20) > 0);
      for (;;);
    });
    await expectLimit(sandboxee, 'memory', LIMIT);
  });

  it('holds for native allocations that come slowly', async () => {
    await using sandboxee = await launchLimited();
    await begin(sandboxee, ({ attack }) => {
      setInterval(() => attack.allocate(8 * 2 ** 20, 2 ** 16), 5);
    });
    await expectLimit(sandboxee, 'memory', LIMIT);
  });

  it('holds for a hog that takes ENOMEM for an answer and goes on', async () => {
    await using sandboxee = await launchLimited();
    await perform(sandboxee, ({ attack }) => attack.allocate(2 ** 31, 2 ** 20)).catch(() => 'ended meanwhile');
    await expectLimit(sandboxee, 'memory', LIMIT);
  });

  it('holds for a hog that gives up at once and exits with a code, or aborts', async () => {
    for (const end of [() => process.exit(3), () => process.abort()]) {
      await using sandboxee = await launchLimited();
      await begin(
        sandboxee,
        ({ attack }, bytes: number, last: string) => {
          attack.allocate(bytes, 2 ** 20);
          new Function(`return (${last})()`)();
        },
        LIMIT + 16 * MiB,
        end.toString(),
      );
      await expectLimit(sandboxee, 'memory', LIMIT);
    }
  });

  it('holds for Buffers, which are not in the V8 heap', async () => {
    await using sandboxee = await launchLimited();
    await begin(sandboxee, ({ state }) => {
      const kept: Buffer[] = [];
      state.kept = kept;
      setInterval(() => kept.push(Buffer.alloc(2 ** 22, 1)), 1);
    });
    await expectLimit(sandboxee, 'memory', LIMIT);
  });

  it('holds for anonymous mappings', async () => {
    await using sandboxee = await launchLimited();
    await begin(
      sandboxee,
      ({ attack }, flags: number) => {
        setInterval(() => attack.map(2 ** 22, flags), 1);
      },
      MAP_PRIVATE,
    );
    await expectLimit(sandboxee, 'memory', LIMIT);
  });

  it('holds for the JavaScript heap, also where V8 gives up by itself', async () => {
    await using sandboxee = await launchLimited();
    await begin(sandboxee, ({ state }) => {
      const kept: unknown[] = [];
      state.kept = kept;
      for (;;) kept.push({ at: kept.length, list: [kept.length] });
    });
    await expectLimit(sandboxee, 'memory', LIMIT);
  });

  it('holds for what worker threads allocate', async () => {
    await using sandboxee = await launchLimited();
    await begin(sandboxee, ({ modules: { worker_threads }, state }) => {
      const source = 'const kept = []; setInterval(() => kept.push(Buffer.alloc(2 ** 22, 1)), 1);';
      state.worker = new worker_threads.Worker(source, { eval: true });
    });
    await expectLimit(sandboxee, 'memory', LIMIT);
  });

  it('does not count memory that is never touched', async () => {
    await using sandboxee = await launchLimited();
    const reserved = await perform(sandboxee, ({ state }) => {
      const block = Buffer.allocUnsafeSlow(2 ** 28);
      state.block = block;
      return block.length;
    });
    expect(reserved).to.be.greaterThan(LIMIT);
    await begin(sandboxee, () => process.exit(0));
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
  });

  it('is not hit just below it, and is not blamed for another end', async () => {
    await using sandboxee = await launchLimited();
    const taken = await perform(sandboxee, ({ attack }, bytes: number) => attack.allocate(bytes, 2 ** 20), 96 * MiB);
    expect(taken).to.equal(96 * MiB);
    await begin(sandboxee, () => process.exit(5));
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 5 });
  });

  it('is not blamed for what the broker itself uses', async () => {
    const own = Buffer.alloc(LIMIT + 64 * MiB, 1);
    await using sandboxee = await launchLimited();
    await begin(sandboxee, () => process.exit(5));
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 5 });
    expect(own[0]).to.equal(1);
  });
});
