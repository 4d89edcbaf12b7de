import { expect } from 'chai';
import { type BufferMode, ClosedError, InvalidArgument, MiB, UseAfterMove } from '../../broker/index.js';
import { reaped } from '../addon/support.js';
import { leakGate } from '../support/leak-gate.js';
import { holdings } from '../support/leaks.js';
import { openFiles } from '../support/processes.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';
import { launchArmed } from './support.js';

const MODES: readonly BufferMode[] = ['read-only', 'writable', 'unsafe'];
const [EPERM, EACCES] = [-1, -13];

function memoryFiles(): number {
  return openFiles('self').filter((target) => target.includes('memfd:sallyport-buffer')).length;
}

describe('shared buffers', () => {
  leakGate();

  for (const mode of MODES) {
    it(`(${mode}) move to the sandboxee with what the broker wrote, and are no longer the broker's`, async () => {
      await using sandboxee = await launchPuppet();
      const buffer = sandboxee.createBuffer(100_000, mode);
      buffer.copyIn(Buffer.from('from the broker'), 50_000);
      await begin(sandboxee, async ({ gate }) => {
        const received = await gate.comms.recvBuffer();
        return [received.size, received.mode, received.copyOut(50_000, 50_015).toString()];
      });
      await sandboxee.comms.sendBuffer(buffer);
      const answer = await sandboxee.comms.recvValue();
      expect(answer).to.deep.equal({ value: [100_000, mode, 'from the broker'] });
      expect(() => buffer.copyOut()).to.throw(UseAfterMove);
    });
  }

  for (const mode of ['writable', 'unsafe'] as const) {
    it(`(${mode}) that the sandboxee asked for and filled move to the broker`, async () => {
      await using sandboxee = await launchPuppet();
      await begin(
        sandboxee,
        async ({ gate }, wanted: BufferMode) => {
          const buffer = await gate.requestBuffer(10, wanted);
          buffer.unsafeBytes().set([1, 2, 3], 7);
          await gate.comms.sendBuffer(buffer);
          try {
            buffer.unsafeBytes();
          } catch (error) {
            return (error as { code: string }).code;
          }
        },
        mode,
      );
      using buffer = await sandboxee.comms.recvBuffer();
      expect([...buffer.copyOut()]).to.deep.equal([0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
      expect(await sandboxee.comms.recvValue()).to.deep.equal({ value: 'ERR_SALLYPORT_USE_AFTER_MOVE' });
      if (mode === 'unsafe') expect(buffer.unsafeBytes()[9]).to.equal(3);
      else expect(() => buffer.unsafeBytes()).to.throw(InvalidArgument, 'has no view in the broker');
    });
  }

  it('of mode read-only cannot be written by the sandboxee: not mapped, not through the fd, not by mprotect', async () => {
    await using sandboxee = await launchArmed();
    const outcome = await perform(
      sandboxee,
      async ({ attack, gate, state }, mmap: number, pwrite: number, mprotect: number) => {
        const buffer = await gate.requestBuffer(4096, 'read-only');
        const fd = (state.memoryFd as () => number)();
        const view = Buffer.from(buffer.unsafeBytes().buffer);
        const refused = [
          attack.syscall(mmap, 0, 4096, 3, 1, fd, 0),
          attack.syscall(pwrite, fd, Buffer.from('x'), 1, 0),
          attack.syscall(mprotect, attack.address(view), 4096, 3),
        ];
        try {
          buffer.copyIn(Buffer.of(1));
        } catch (error) {
          return { refused, code: (error as { code: string }).code, byte: view[0] };
        }
      },
      numberOf('mmap'),
      numberOf('pwrite64'),
      numberOf('mprotect'),
    );
    expect(outcome).to.deep.equal({ refused: [EPERM, EPERM, EACCES], code: 'ERR_SALLYPORT_INVALID_ARGUMENT', byte: 0 });
  });

  it('are requested and released thousands of times within a quota of one', async () => {
    await using sandboxee = await launchPuppet({ limits: { sharedMemory: 64 * 1024 } });
    const rounds = await perform(sandboxee, async ({ gate }) => {
      let done = 0;
      for (; done < 3000; done += 1) {
        const buffer = await gate.requestBuffer(1000 + done);
        buffer.copyIn(Buffer.of(done & 0xff));
        buffer.close();
      }
      return done;
    });
    expect(rounds).to.equal(3000);
    await reaped();
    expect(memoryFiles()).to.be.at.most(1);
  });

  it('are mapped once for all of their uses, and not at all after the end', async () => {
    const before = holdings().sharedMappings;
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, async ({ gate }) => {
      for (let round = 0; round < 100; round += 1) {
        const buffer = await gate.requestBuffer(2 ** 20, 'unsafe');
        buffer.unsafeBytes().fill(round);
        await gate.comms.sendBuffer(buffer);
        await gate.comms.recvBool();
      }
    });
    const ids = new Set<number>();
    for (let round = 0; round < 100; round += 1) {
      using buffer = await sandboxee.comms.recvBuffer();
      ids.add(buffer.id);
      expect([buffer.unsafeBytes()[0], buffer.copyOut(MiB - 1)[0]]).to.deep.equal([round, round]);
      expect(holdings().sharedMappings).to.be.at.most(before + 2);
      buffer.close();
      await sandboxee.comms.sendBool(true);
    }
    expect(await sandboxee.comms.recvValue()).to.deep.equal({ value: null });
    expect(ids.size).to.equal(1);
    await sandboxee.close();
    expect(holdings().sharedMappings).to.be.at.most(before);
  });

  it('come and go between the two thousands of times', async () => {
    await using sandboxee = await launchPuppet({ limits: { sharedMemory: 64 * 1024 } });
    await begin(sandboxee, async ({ gate: { comms } }) => {
      for (let round = 0; round < 1000; round += 1) await comms.sendBuffer(await comms.recvBuffer());
    });
    let buffer = sandboxee.createBuffer(100, 'writable');
    for (let round = 0; round < 1000; round += 1) {
      await sandboxee.comms.sendBuffer(buffer);
      buffer = await sandboxee.comms.recvBuffer();
    }
    buffer.close();
    expect(await sandboxee.comms.recvValue()).to.deep.equal({ value: null });
  });
});

describe('the memory of shared buffers', () => {
  leakGate();

  it('is gone when the result is there, held by the sandboxee or in flight', async () => {
    await reaped();
    const before = memoryFiles();
    const sandboxee = await launchPuppet();
    await perform(sandboxee, async ({ gate, state }) => {
      state.buffers = [await gate.requestBuffer(2 ** 20), await gate.requestBuffer(2 ** 20, 'read-only')];
    });
    await sandboxee.comms.sendBuffer(sandboxee.createBuffer(MiB));
    expect(memoryFiles()).to.be.greaterThan(before);
    sandboxee.kill();
    await sandboxee.result;
    await reaped();
    expect(memoryFiles()).to.equal(before);
    sandboxee.comms.close();
  });

  it('that the broker holds stays readable after the end, until it is closed', async () => {
    await reaped();
    const before = memoryFiles();
    const sandboxee = await launchPuppet();
    await begin(sandboxee, async ({ gate }) => {
      const buffer = await gate.requestBuffer(100);
      buffer.copyIn(Buffer.from('last words'));
      await gate.comms.sendBuffer(buffer);
    });
    const buffer = await sandboxee.comms.recvBuffer();
    await sandboxee.close();
    expect(buffer.copyOut(0, 10).toString()).to.equal('last words');
    buffer.close();
    expect(() => buffer.copyOut()).to.throw(ClosedError);
    await reaped();
    expect(memoryFiles()).to.equal(before);
  });

  it('is unmapped at once when an unsafe buffer is closed, and its view is empty', async () => {
    await using sandboxee = await launchPuppet();
    const before = holdings().sharedMappings;
    const buffer = sandboxee.createBuffer(MiB, 'unsafe');
    const view = buffer.unsafeBytes();
    expect(holdings().sharedMappings).to.equal(before + 1);
    buffer.close();
    expect(holdings().sharedMappings).to.equal(before);
    expect(view.length).to.equal(0);
  });

  it('that was forgotten is reported, and not released', async () => {
    await using sandboxee = await launchPuppet({ limits: { sharedMemory: MiB }, node: { execArgv: ['--expose-gc'] } });
    const outcome = await perform(sandboxee, async ({ gate }) => {
      const warnings: string[] = [];
      process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message.split(' (')[0]}`));
      await gate.requestBuffer(2 ** 20);
      for (let turn = 0; turn < 50 && warnings.length === 0; turn += 1) {
        globalThis.gc?.();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      const refusal = await gate.requestBuffer(1).catch((error: { code: string }) => error);
      return { warnings, code: 'code' in refusal ? refusal.code : 'granted' };
    });
    expect(outcome).to.deep.equal({
      warnings: [`SallyportLeak: SharedBuffer of ${MiB} bytes`],
      code: 'ERR_SALLYPORT_BUFFER_QUOTA',
    });
  });
});
