import { expect } from 'chai';
import fc from 'fast-check';
import { encode, type Instruction, OPCODE } from '../../broker/policy/bpf/assembler.js';
import { disassemble } from '../../broker/policy/bpf/disassembler.js';
import { violation } from '../../broker/policy/bpf/dsl.js';
import { sequence } from '../../broker/policy/bpf/nodes.js';
import { printExpression } from '../../broker/policy/bpf/printer.js';
import { bpf, ruleOf } from '../../broker/policy/bpf/raw.js';
import { verdict } from '../../broker/policy/bpf/simulator.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import type { RuleSource } from '../../broker/policy/statements.js';
import type { SyscallName } from '../../broker/policy/syscalls/index.js';
import { argumentLists } from './arbitraries.js';
import { evaluate } from './evaluate.js';
import { ALLOW, ask, errnoVerdict, NOTIFY, problemsOf, verdictOf, X64 } from './filters.js';

const on = (syscall: SyscallName, source: RuleSource): PolicyBuilder =>
  new PolicyBuilder({ arch: X64 }).addPolicyOnSyscall(syscall, source);

const say = (builder: PolicyBuilder, name: SyscallName, ...args: (number | bigint)[]) =>
  ask(builder.build().compile().program, name, args);

/** The first problem of a raw program on write. */
const problem = (program: string | readonly Instruction[]): string | undefined =>
  problemsOf(on('write', bpf(program)))[0]?.message;

describe('raw BPF', () => {
  it('allows write to fd 1 only', () => {
    const builder = on(
      'write',
      bpf(`
              load arg0.low
              if A == 1 goto out else other
      other:  return ERRNO EPERM
      out:    return ALLOW
      `),
    );
    expect(say(builder, 'write', 1)).to.deep.equal(ALLOW);
    expect(say(builder, 'write', 0x5_0000_0001n)).to.deep.equal(ALLOW);
    expect(say(builder, 'write', 2)).to.deep.equal(errnoVerdict(1));
    expect(say(builder, 'read', 1)).to.deep.equal(NOTIFY);
  });

  it('refuses a program whose accumulator could hold more than anybody can look at', () => {
    const doubling = Array.from({ length: 30 }, (_, bit) => [
      `if A & ${2 ** bit} goto clear${bit} else keep${bit}`,
      `clear${bit}: and ${~(1 << bit)}`,
      `keep${bit}: and -1`,
    ]);
    const program = [
      'load arg0.low',
      ...doubling.flat(),
      'if A == 1 goto out',
      'return ALLOW',
      'out: return ERRNO EPERM',
    ];
    expect(problem(program.join('\n'))).to.contain('the accumulator can hold too many things');
  });

  it('refuses a program of more tests in a row than the stack has room for, and takes any number of other lines', () => {
    const tests = Array.from({ length: 4000 }, (_, value) => `if A == ${value} goto out`);
    const masks = Array.from({ length: 4000 }, () => 'and 0xff');
    const around = (lines: string[]): string => ['load arg0.low', ...lines, 'out: return ALLOW'].join('\n');
    expect(problem(around(tests))).to.contain('more than 1000 tests come one after the other');
    expect(problem(around(masks))).to.equal(undefined);
  });

  it('allows mprotect of one page with exactly PROT_READ|PROT_WRITE', () => {
    const builder = on(
      'mprotect',
      bpf([
        'load arg1.high        ; the length, both words',
        'if A != 0 goto end',
        'load arg1.low',
        'if A != 0x1000 goto end',
        'load arg2.low',
        'if A != 3 goto end',
        'return ALLOW',
        'end: next',
      ]),
    );
    expect(say(builder, 'mprotect', 0x7000, 0x1000, 3)).to.deep.equal(ALLOW);
    for (const [length, protection] of [
      [0x1000, 1],
      [0x1000, 7],
      [0x2000, 3],
      [0x1_0000_1000, 3],
    ] as const) {
      expect(say(builder, 'mprotect', 0x7000, length, protection)).to.deep.equal(NOTIFY);
    }
  });

  it('may answer by the number, when one program is for several syscalls', () => {
    const program = bpf(`
      load number
      if A == 102 goto uid        ; getuid
      return ERRNO 43
      uid: return ERRNO 42
    `);
    const builder = new PolicyBuilder({ arch: X64 }).addPolicyOnSyscalls(['getuid', 'getgid'], program);
    expect(say(builder, 'getuid')).to.deep.equal(errnoVerdict(42));
    expect(say(builder, 'getgid')).to.deep.equal(errnoVerdict(43));
  });

  it('leaves what falls off its end to the next rule', () => {
    const builder = on(
      'fcntl',
      bpf(['load arg1.low', 'if A == 1 goto yes else end', 'yes: return ALLOW', 'end:']),
    ).addPolicyOnSyscall('fcntl', bpf(['load arg1.low', 'if A <= 2 goto no', 'next', 'no: return ERRNO EINVAL']));
    expect(say(builder, 'fcntl', 0, 1)).to.deep.equal(ALLOW);
    expect(say(builder, 'fcntl', 0, 2)).to.deep.equal(errnoVerdict(22));
    expect(say(builder, 'fcntl', 0, 3)).to.deep.equal(NOTIFY);
  });

  it('takes the text of the disassembler back', () => {
    const { program } = on('write', bpf(['load arg0.low', 'and 0xf', 'if A > 2 goto no', 'return ALLOW', 'no: next']))
      .build()
      .compile();
    const again = ruleOf(bpf(disassemble(program)), 1, X64);
    expect(printExpression(again)).to.match(/^if arg0 & 0x/);
    for (const fd of [0, 1, 2, 3, 15, 16, 18, 19]) {
      const args = [BigInt(fd), 0n, 0n, 0n, 0n, 0n];
      expect(verdictOf(evaluate(sequence(again, violation()), args))).to.deep.equal(ask(program, 'write', args));
    }
  });

  it('does not get around what every policy refuses', () => {
    expect(problemsOf(on('ptrace', bpf('return ALLOW')))[0]?.message).to.include('ptrace is refused by every policy');
    expect(say(on('fcntl', bpf('return ALLOW')), 'fcntl', 0, 8)).to.deep.equal(NOTIFY);
    expect(say(on('close', bpf('return ALLOW')), 'close', 3)).to.deep.equal(NOTIFY);
    expect(say(on('mmap', bpf('return ALLOW')), 'mmap', 0, 4096, 7)).to.deep.equal(NOTIFY);
    expect(say(on('ptrace', bpf('return ERRNO EPERM')), 'ptrace')).to.deep.equal(errnoVerdict(1));
  });

  it('is refused with the line that is wrong', () => {
    expect(problem('load arg0.low\nif A == 1 goto nowhere\nreturn ALLOW')).to.equal(
      "line 2: it jumps out of bounds: there is no label 'nowhere'",
    );
    expect(problem('a: load arg0.low\ngoto a')).to.equal("line 2: it jumps backward to 'a', and jumps only go forward");
    expect(problem('a: next\na: next')).to.equal("line 2: the label 'a' is there twice");
    expect(problem('load arg6.low')).to.include("line 1: 'load arg6.low' is no operation");
    expect(problem('return TRAP')).to.include('returns ALLOW, ERRNO with an error, USER_NOTIF, TRACE or KILL_PROCESS');
    expect(problem('return ERRNO ENOPE')).to.include("'ENOPE' is no errno");
    expect(problem('and 0x1_0')).to.include('no number of 32 bits');
    expect(problem('load arg0.low\nif arg1.low == 1 goto e\ne:')).to.equal(
      'line 2: the accumulator holds arg0.low here, not arg1.low',
    );
    expect(problem('')).to.equal('the program is empty');
  });

  describe('as instructions', () => {
    const stop: Instruction = { code: OPCODE.return, jt: 0, jf: 0, k: 0x7fff0000 };

    it('is refused where a jump leaves the program, or an operation is none that a rule has', () => {
      expect(problem([{ code: OPCODE.jump, jt: 0, jf: 0, k: 2 }, stop])).to.include(
        'out of bounds: to instruction 3 of 2',
      );
      expect(problem([{ code: OPCODE.equal, jt: 9, jf: 0, k: 1 }, stop])).to.include('out of bounds');
      expect(problem([{ code: 0x07, jt: 0, jf: 0, k: 0 }, stop])).to.include('0x7 is none');
      expect(problem([{ code: OPCODE.load, jt: 0, jf: 0, k: 8 }, stop])).to.include('nothing at offset 8');
      expect(problem([{ ...stop, k: 0 }])).to.include('KILL_THREAD leaves the other threads running');
      expect(problem([{ ...stop, k: 0x30000 }])).to.include('TRAP lets the sandboxee go on');
      expect(problem([{ ...stop, k: 0x50000 }])).to.include('ERRNO 0 is no error');
      expect(problem([{ ...stop, jt: 256 }])).to.include('unsigned numbers');
    });

    it('means what the kernel would do with it, for thousands of programs', () => {
      fc.assert(
        fc.property(programs, fc.array(argumentLists, { minLength: 6, maxLength: 6 }), (program, calls) => {
          const rule = sequence(ruleOf(bpf(program), 1, X64), violation());
          const whole = encode([...program, { code: OPCODE.return, jt: 0, jf: 0, k: 0x7fc00000 }]);
          for (const args of calls) {
            const seen = verdict(whole, { number: 1, architecture: X64, args });
            expect(verdictOf(evaluate(rule, args))).to.deep.equal(seen);
          }
        }),
        { numRuns: 2000 },
      );
    });
  });
});

const words = fc.constantFrom(0, 1, 2, 3, 4, 7, 8, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff);

/** Falling off the end of the program is the first thing after it, which the test puts there. */
const programs: fc.Arbitrary<readonly Instruction[]> = fc
  .array(
    fc.record({
      code: fc.constantFrom(...Object.values(OPCODE), 0x25),
      jt: fc.nat(7),
      jf: fc.nat(7),
      k: words,
      offset: fc.constantFrom(0, 4, 16, 20, 24, 56, 60),
      end: fc.constantFrom(0x7fff0000, 0x50001, 0x7fc00000, 0x80000000),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((list) =>
    list.map(({ code, jt, jf, k, offset, end }, at): Instruction => {
      const farthest = list.length - 1 - at;
      if (code === OPCODE.return) return { code, jt: 0, jf: 0, k: end };
      if (code === OPCODE.load) return { code, jt: 0, jf: 0, k: offset };
      if (code === OPCODE.jump) return { code, jt: 0, jf: 0, k: Math.min(jt, farthest) };
      return { code, jt: Math.min(jt, farthest), jf: Math.min(jf, farthest), k };
    }),
  );
