import { expect } from 'chai';
import { describeResult } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit, launchPuppet } from '../support/puppet.js';
import { violationOf, widest } from './support.js';

const X32 = 0x40000000;

interface Door {
  readonly what: string;
  readonly act: (kit: Kit) => unknown;
  readonly architecture: string;
  readonly name: RegExp;
}

// Numbers mean other calls there: 4 is write on i386, where 1 is exit.
const DOORS: readonly Door[] = [
  {
    what: 'int 0x80, getpid',
    act: ({ attack }) => attack.int80(20),
    architecture: 'i386',
    name: /^syscall 20 of i386$/,
  },
  {
    what: 'int 0x80, execve',
    act: ({ attack }) => attack.int80(11, 0, 0, 0),
    architecture: 'i386',
    name: /^syscall 11 of i386$/,
  },
  {
    what: 'int 0x80, a number above every table',
    act: ({ attack }) => attack.int80(5000),
    architecture: 'i386',
    name: /of i386$/,
  },
];

const X32_NUMBERS: readonly (readonly [what: string, number: number])[] = [
  ['read', 0],
  ['getpid', 39],
  ['execve', 520],
  ['ptrace', 521],
  ['a number above every table', 5000],
];

describe('syscalls of other architectures are violations, whatever the policy says', () => {
  leakGate();

  before(function () {
    if (process.arch === 'x64') return;
    console.log('    i386 and x32 are doors of x86-64 alone');
    this.skip();
  });

  for (const { what, act, architecture, name } of DOORS) {
    it(what, async () => {
      await using sandboxee = await launchPuppet({ policy: widest });
      await begin(sandboxee, act);
      const result = await violationOf(sandboxee);
      if (result.kind !== 'architecture') throw new Error(`a violation of kind ${result.kind}`);
      expect(result.syscall.architecture).to.equal(architecture);
      const [said, why] = describeResult(result).split('\n');
      expect(said).to.equal(`violation: ${result.syscall.text}`);
      expect(why).to.match(/whatever the policy says/);
      expect(result.syscall.name).to.match(name);
    });
  }

  for (const [what, number] of X32_NUMBERS) {
    it(`x32, ${what}`, async () => {
      await using sandboxee = await launchPuppet({ policy: widest });
      await begin(sandboxee, ({ attack }: Kit, x32: number) => attack.syscall(x32, 0, 0, 0), number + X32);
      const result = await violationOf(sandboxee);
      if (result.kind !== 'architecture') throw new Error(`a violation of kind ${result.kind}`);
      expect(result.syscall.architecture).to.equal('x32');
      expect(result.syscall.name).to.equal(`syscall ${number} of x32`);
    });
  }

  it('do not exist before the gate either', async () => {
    await using sandboxee = await launchPuppet({
      before: ({ attack }) => {
        const answers = [attack.int80(20), attack.syscall(0x40000027)];
        if (answers.some((answer) => answer !== -38)) throw new Error(`answered: ${answers.join(', ')}`);
      },
    });
    expect(sandboxee.pid).to.be.greaterThan(0);
  });
});
