import { expect } from 'chai';
import { MiB } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit, launchPuppet } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';

const PROT_READ = 1;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
const MADV_NOHUGEPAGE = 15;
/** What one page table spans. */
const SPAN = 2 * MiB;
const AREAS = 200_000;

/** Reading costs no page of its own, and RLIMIT_DATA does not count what cannot be written. */
describe('a sandboxee that fills memory with page tables', () => {
  leakGate();

  it('is held to its memory all the same', async () => {
    await using sandboxee = await launchPuppet({ limits: { memory: 64 * MiB, wallTime: 15_000 } });
    await begin(
      sandboxee,
      (
        { attack }: Kit,
        [mmap = 0, madvise = 0, sigprocmask = 0]: number[],
        flags: number[],
        span: number,
        areas: number,
      ) => {
        const [protection = 0, mapping = 0, advice = 0] = flags;
        const at = attack.syscall(mmap, 0, span * areas, protection, mapping, -1, 0);
        attack.syscall(madvise, at, span * areas, advice);
        // Reads a set of signals to be blocked, which is empty.
        for (let area = 0; area < areas; area += 1) attack.syscall(sigprocmask, 0, at + span * area, 0, 8);
        for (;;);
      },
      [numberOf('mmap'), numberOf('madvise'), numberOf('rt_sigprocmask')],
      [PROT_READ, MAP_PRIVATE_ANONYMOUS_NORESERVE, MADV_NOHUGEPAGE],
      SPAN,
      AREAS,
    );
    expect(await sandboxee.result).to.include({ status: 'limit', which: 'memory', asked: 64 * MiB });
  });
});
