import { expect } from 'chai';
import { encode, type Instruction } from '../../broker/policy/bpf/assembler.js';
import { disassemble } from '../../broker/policy/bpf/disassembler.js';
import { bpf } from '../../broker/policy/bpf/raw.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { ALLOW, ask, errnoVerdict, X64 } from './filters.js';

const instruction = (code: number, k: number, jt = 0, jf = 0): Instruction => ({ code, jt, jf, k });

/** From linux/bpf_common.h and linux/seccomp.h. */
const TEXTS: readonly (readonly [Instruction, string])[] = [
  [instruction(0x20, 0), 'load number'],
  [instruction(0x20, 4), 'load architecture'],
  [instruction(0x20, 8), 'load instruction-pointer.low'],
  [instruction(0x20, 12), 'load instruction-pointer.high'],
  [instruction(0x20, 16), 'load arg0.low'],
  [instruction(0x20, 20), 'load arg0.high'],
  [instruction(0x20, 56), 'load arg5.low'],
  [instruction(0x20, 60), 'load arg5.high'],
  [instruction(0x54, 0xf0), 'and 0xf0'],
  [instruction(0x05, 2), 'goto 3'],
  [instruction(0x15, 0x10, 1, 2), 'if A == 0x10 goto 2 else 3'],
  [instruction(0x25, 0x10, 1, 2), 'if A > 0x10 goto 2 else 3'],
  [instruction(0x35, 0x10, 1, 2), 'if A >= 0x10 goto 2 else 3'],
  [instruction(0x45, 0x10, 1, 2), 'if A & 0x10 goto 2 else 3'],
  [instruction(0x06, 0x7fff0000), 'return ALLOW'],
  [instruction(0x06, 0x7fc00000), 'return USER_NOTIF'],
  [instruction(0x06, 0x7fc00001), 'return USER_NOTIF trace'],
  [instruction(0x06, 0x7fc00002), 'return USER_NOTIF permit'],
  [instruction(0x06, 0x00050001), 'return ERRNO 1'],
  [instruction(0x06, 0x80000000), 'return KILL_PROCESS'],
  [instruction(0x06, 0x00030000), 'return 0x30000'],
  [instruction(0x07, 0), 'unknown operation 0x7 0x0'],
];

describe('the disassembler', () => {
  for (const [one, text] of TEXTS) {
    it(`writes ${text}`, () => {
      expect(disassemble(encode([one]))).to.match(/^ {3}0: /);
      expect(disassemble(encode([one])).slice('   0: '.length)).to.equal(text);
    });
  }

  it('names the syscall that a number is compared with', () => {
    const program = [instruction(0x20, 4), instruction(0x15, 0xc000003e, 0, 2), instruction(0x20, 0)];
    const text = disassemble(encode([...program, instruction(0x15, 60, 0, 0), instruction(0x06, 0x7fff0000)]));
    expect(text).to.match(/^ +3: if number == 60 goto 4 else 4 +; exit$/m);
  });
});

describe('labels of raw BPF', () => {
  it('are as many as a program has use for, 300 here', () => {
    const tests = Array.from({ length: 300 }, (_, at) => `if A == ${at} goto l${at}`);
    const ends = Array.from({ length: 300 }, (_, at) => `l${at}: return ERRNO EPERM`);
    const { program } = new PolicyBuilder({ arch: X64 })
      .addPolicyOnSyscall('write', bpf(['load arg0.low', ...tests, 'return ALLOW', ...ends]))
      .build()
      .compile();
    for (const fd of [0, 255, 256, 299]) expect(ask(program, 'write', [fd])).to.deep.equal(errnoVerdict(1));
    expect(ask(program, 'write', [300])).to.deep.equal(ALLOW);
  });
});
