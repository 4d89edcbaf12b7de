import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Fd, fromFd, launch, type ProgramOptions, policies, program } from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet, perform } from '../support/puppet.js';
import { demandedTier } from '../support/tier.js';

/** Comms is 3, and the fd of a program that is none of the files it sees comes after the declared ones. */
const NUMBERS = [3, 4, 812, 1022, 1023];
const limits = { openFiles: 1024 };

describe('a declared fd has the number that it was declared for', () => {
  leakGate();

  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-numbers-'));
    writeFileSync(join(folder, 'input'), 'given away');
  });
  after(() => rmSync(folder, { recursive: true }));
  const input = (): Fd => Fd.open(join(folder, 'input'));

  for (const [kind, executor] of [
    ['a program', (options: ProgramOptions) => program(attackProgram('guest'), options)],
    ['a program from an fd', (options: ProgramOptions) => fromFd(Fd.open(attackProgram('guest')), options)],
  ] as const) {
    for (const number of NUMBERS) {
      it(`${number}, in ${kind}`, async () => {
        const guest = executor({ fds: { [number]: input() }, args: [`number:${number}`, 'numbers', 'exit:0'] });
        await using sandboxee = await launch(guest, {
          policy: policies.staticBinary().build(),
          limits,
          ...demandedTier,
        });
        expect(await sandboxee.comms.recvString()).to.equal('given away');
        const comms = number === 3 ? 4 : 3;
        const open = [0, 1, 2, comms, number].sort((a, b) => a - b);
        expect(await sandboxee.comms.recvString()).to.equal(`${open.join(' ')} `);
        expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
      });
    }
  }

  for (const number of NUMBERS) {
    it(`${number}, in a Node program, before the gate and after`, async () => {
      await using puppet = await launchPuppet({
        limits,
        node: { fds: { [number]: input() } },
        before: ({ modules: { fs }, state }) => {
          state.files = [3, 4, 812, 1022, 1023].filter((fd) => {
            try {
              return fs.fstatSync(fd).isFile();
            } catch {
              return false;
            }
          });
        },
      });
      expect(await perform(puppet, ({ state }) => state.files)).to.deep.equal([number]);
      const text = await perform(
        puppet,
        ({ modules: { fs } }, fd: number) => {
          const bytes = Buffer.alloc(100);
          return bytes.toString('utf8', 0, fs.readSync(fd, bytes, 0, 100, 0));
        },
        number,
      );
      expect(text).to.equal('given away');
    });
  }
});
