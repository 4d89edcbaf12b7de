import { expect } from 'chai';
import fc from 'fast-check';
import { compile } from '../../broker/policy/bpf/compiler.js';
import { disassemble } from '../../broker/policy/bpf/disassembler.js';
import { all, allow, any, arg, arg64, errno, killProcess, not, violation, when } from '../../broker/policy/bpf/dsl.js';
import type { Condition } from '../../broker/policy/bpf/nodes.js';
import { simulate, verdict } from '../../broker/policy/bpf/simulator.js';
import { AUDIT_ARCH_AARCH64 } from '../../broker/policy/syscalls/index.js';
import { argumentLists, expressions } from './arbitraries.js';
import { evaluate } from './evaluate.js';
import { ALLOW, errnoVerdict, filterOf, KILL, NOTIFY, verdictOf, X64 } from './filters.js';

const I386 = 0x40000003;

describe('policy compiler', () => {
  describe('code', () => {
    it('of a small policy reads as expected', () => {
      const program = compile(
        filterOf({
          0: allow(),
          1: allow(),
          10: when(arg(2).hasNone(4), allow()).otherwise(violation()),
          72: when(arg(1).in(1, 3), allow())
            .when(all(arg(1).eq(4), arg64(2).eq(0x1_0000_0000n)), errno(1))
            .otherwise(violation()),
        }),
      );
      expect(disassemble(program)).to.equal(
        [
          '   0: load architecture',
          '   1: if architecture == 0xc000003e goto 2 else 24',
          '   2: load number',
          '   3: if number & 0x40000000 goto 24 else 4',
          '   4: if number >= 11 goto 5 else 18        ; munmap',
          '   5: if number >= 73 goto 6 else 8         ; flock',
          '   6: if number >= 101 goto 7 else 24       ; ptrace',
          '   7: return ERRNO 38',
          '   8: if number >= 72 goto 9 else 24        ; fcntl',
          '   9: load arg1.low',
          '  10: if arg1.low == 0x1 goto 23 else 11',
          '  11: if arg1.low == 0x3 goto 23 else 12',
          '  12: if arg1.low == 0x4 goto 13 else 24',
          '  13: load arg2.high',
          '  14: if arg2.high == 0x1 goto 15 else 24',
          '  15: load arg2.low',
          '  16: if arg2.low == 0x0 goto 17 else 24',
          '  17: return ERRNO 1',
          '  18: if number >= 2 goto 19 else 23        ; open',
          '  19: if number >= 10 goto 20 else 24       ; mprotect',
          '  20: load arg2.low',
          '  21: and 0x4',
          '  22: if (arg2.low & 0x4) == 0x0 goto 23 else 24',
          '  23: return ALLOW',
          '  24: return USER_NOTIF',
        ].join('\n'),
      );
    });

    it('allows by number alone without reading an argument, so that the kernel caches it', () => {
      const program = compile(
        filterOf({
          3: allow(),
          4: when(arg(0).eq(1), allow()).otherwise(allow()),
          5: when(arg(0).eq(1), allow()).otherwise(errno(1)),
        }),
      );
      const reads = (number: number): boolean => simulate(program, { number, architecture: X64 }).readArguments;
      expect([3, 4, 5].map(reads)).to.deep.equal([false, false, true]);
    });

    it('finds each of 400 numbers within a balanced search', () => {
      const rules = Object.fromEntries(Array.from({ length: 400 }, (_, number) => [number, errno(number + 1)]));
      const program = compile(filterOf(rules, { highest: 399 }));
      for (let number = 0; number < 400; number++) {
        const run = simulate(program, { number, architecture: X64 });
        expect(run.verdict).to.deep.equal(errnoVerdict(number + 1));
        // 4 for architecture, number and x32; 9 levels, each with a jump beyond 255 at worst; the return
        expect(run.steps).to.be.at.most(4 + 2 * 9 + 1);
      }
    });

    it('has one copy of identical tails', () => {
      const tail = when(arg(5).in(1, 2, 3, 4, 5, 6, 7, 8), allow()).otherwise(errno(7));
      const once = compile(filterOf({ 1: when(arg(0).eq(1), tail).otherwise(violation()) }));
      const twice = compile(
        filterOf({
          1: when(arg(0).eq(1), tail).otherwise(violation()),
          50: when(arg(1).eq(9), tail).otherwise(violation()),
        }),
      );
      // two more ranges of numbers to tell apart, and one comparison
      expect((twice.length - once.length) / 8).to.equal(4);
    });
  });

  describe('before any number', () => {
    const program = compile(filterOf({ 0: allow() }));

    it('treats another architecture as foreign, whatever the number', () => {
      expect(verdict(program, { number: 0, architecture: I386 })).to.deep.equal(NOTIFY);
      expect(verdict(program, { number: 5000, architecture: AUDIT_ARCH_AARCH64 })).to.deep.equal(NOTIFY);
    });

    it('treats x32 numbers and -1 as foreign', () => {
      for (const number of [0x40000000, 0x40000200, 0x7fffffff, -1]) {
        expect(verdict(program, { number, architecture: X64 }), String(number)).to.deep.equal(NOTIFY);
      }
    });

    it('kills for a foreign architecture where there is no listener', () => {
      const killing = compile(filterOf({ 0: allow() }, { foreign: killProcess(), unlisted: killProcess() }));
      expect(verdict(killing, { number: 0, architecture: I386 })).to.deep.equal(KILL);
      expect(verdict(killing, { number: 0x40000000, architecture: X64 })).to.deep.equal(KILL);
      expect(verdict(killing, { number: 1, architecture: X64 })).to.deep.equal(KILL);
    });
  });

  it('answers ENOSYS above the table and only there', () => {
    const program = compile(filterOf({ 99: allow() }));
    const at = (number: number) => verdict(program, { number, architecture: X64 });
    expect([98, 99, 100, 101, 0x3fffffff].map(at)).to.deep.equal([
      NOTIFY,
      ALLOW,
      NOTIFY,
      errnoVerdict(38),
      errnoVerdict(38),
    ]);
  });

  it('knows no x32 on arm64, where that bit is just a large number', () => {
    const program = compile(filterOf({ 0: allow() }, { architecture: AUDIT_ARCH_AARCH64 }));
    expect(verdict(program, { number: 0x40000000, architecture: AUDIT_ARCH_AARCH64 })).to.deep.equal(errnoVerdict(38));
  });

  describe('comparisons', () => {
    const say = (condition: Condition, ...args: bigint[]): boolean => {
      const program = compile(filterOf({ 7: when(condition, allow()).otherwise(errno(1)) }));
      return verdict(program, { number: 7, architecture: X64, args }).kind === 'allow';
    };

    it('of 32 bits ignore the high word', () => {
      expect(say(arg(0).eq(0x5412), 0x5412n)).to.equal(true);
      expect(say(arg(0).eq(0x5412), 0x1_0000_5412n)).to.equal(true);
      expect(say(arg(0).eq(-1), 0xffff_ffffn)).to.equal(true);
      expect(say(arg(0).eq(-100), 0xffff_ffff_ffff_ff9cn)).to.equal(true);
    });

    it('of 64 bits look at both words', () => {
      expect(say(arg64(1).eq(0), 0n, 0n)).to.equal(true);
      expect(say(arg64(1).eq(0), 0n, 0x1_0000_0000n)).to.equal(false);
      expect(say(arg64(1).eq(0), 0n, 1n)).to.equal(false);
      expect(say(arg64(1).eq(-1), 0n, 0xffff_ffff_ffff_ffffn)).to.equal(true);
      expect(say(arg64(1).eq(-1), 0n, 0xffff_ffffn)).to.equal(false);
      expect(
        say(arg64(1).masked(0xff00_0000_0000_0000n).eq(0x1200_0000_0000_0000n), 0n, 0x12ab_ffff_ffff_ffffn),
      ).to.equal(true);
    });

    it('of 64 bits with several values do not mix the words of different values', () => {
      const either = arg64(0).in(0x1_0000_0002n, 0x3_0000_0004n);
      expect(say(either, 0x1_0000_0002n)).to.equal(true);
      expect(say(either, 0x3_0000_0004n)).to.equal(true);
      expect(say(either, 0x1_0000_0004n)).to.equal(false);
      expect(say(either, 0x3_0000_0002n)).to.equal(false);
    });

    it('by flags say none, any, only', () => {
      expect(say(arg(0).hasNone(6), 9n)).to.equal(true);
      expect(say(arg(0).hasNone(6), 2n)).to.equal(false);
      expect(say(arg(0).hasAny(6), 2n)).to.equal(true);
      expect(say(arg(0).hasAny(6), 9n)).to.equal(false);
      expect(say(arg(0).hasOnly(6), 0n)).to.equal(true);
      expect(say(arg(0).hasOnly(6), 6n)).to.equal(true);
      expect(say(arg(0).hasOnly(6), 7n)).to.equal(false);
      expect(say(arg(0).hasOnly(0x8000_0000), 0x8000_0000n)).to.equal(true);
      expect(say(arg(0).hasOnly(0x8000_0000), 1n)).to.equal(false);
    });

    it('of nothing: all of none is always, any of none is never', () => {
      expect(say(all())).to.equal(true);
      expect(say(any())).to.equal(false);
    });

    it('of the same argument again, after a mask, see the argument and not what the mask left', () => {
      const condition = all(arg(0).hasAny(1), arg(0).eq(7), not(arg(0).eq(8)));
      expect(say(condition, 7n)).to.equal(true);
      expect(say(condition, 1n)).to.equal(false);
    });
  });

  it('means what the expression means, for thousands of them', () => {
    fc.assert(
      fc.property(
        fc.array(expressions, { minLength: 1, maxLength: 6 }),
        fc.array(argumentLists, { minLength: 8, maxLength: 8 }),
        (list, calls) => {
          const rules = Object.fromEntries(list.map((expression, index) => [index * 3, expression]));
          const program = compile(filterOf(rules, { highest: 20 }));
          for (const args of calls) {
            for (const [index, expression] of list.entries()) {
              const seen = verdict(program, { number: index * 3, architecture: X64, args });
              expect(seen).to.deep.equal(verdictOf(evaluate(expression, args)));
            }
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
