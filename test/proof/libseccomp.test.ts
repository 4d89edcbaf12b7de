import { expect } from 'chai';
import fc from 'fast-check';
import { compile } from '../../broker/policy/bpf/compiler.js';
import { disassemble } from '../../broker/policy/bpf/disassembler.js';
import { printExpression } from '../../broker/policy/bpf/printer.js';
import { type Verdict, verdict } from '../../broker/policy/bpf/simulator.js';
import { AUDIT_ARCH_AARCH64 } from '../../broker/policy/syscalls/index.js';
import { X64 } from '../policy/filters.js';
import { leakGate } from '../support/leak-gate.js';
import { Dice, randomSeed } from './dice.js';
import { AUDIT_ARCH_I386, type Request } from './kernel.js';
import { exportPrograms, filterOfRules, libseccompMissing, type RuleSet, ruleSets } from './libseccomp.js';
import { meaning, shows } from './meaning.js';
import { Caller } from './subjects.js';

const RULE_SETS = 500;
const CALLS = 100;

describe('libseccomp and the policy compiler', () => {
  leakGate();

  before(function () {
    const missing = libseccompMissing();
    if (missing === undefined) return;
    console.log(`    skipped: ${missing}`);
    this.skip();
  });

  it('decide the same, by rules that both can say', function () {
    this.timeout(60_000);
    const seed = randomSeed();
    const sets = fc.sample(ruleSets, { seed, numRuns: RULE_SETS });
    const programs = exportPrograms(sets);
    expect(programs).to.have.lengthOf(sets.length);
    const seen = new Map<Verdict['kind'], number>();
    try {
      for (const [index, set] of sets.entries()) {
        const program = programs[index] ?? new Uint8Array();
        for (const said of compare(set, program, new Dice(seed + index))) seen.set(said, (seen.get(said) ?? 0) + 1);
      }
    } catch (error) {
      throw new Error(`with seed ${seed}`, { cause: error });
    }
    for (const kind of ['allow', 'errno', 'kill-process'] as const) expect(seen.get(kind), kind).to.be.above(100);
  });
});

function* compare(set: RuleSet, theirs: Uint8Array, dice: Dice): Iterable<Verdict['kind']> {
  const filter = filterOfRules(set);
  const ours = compile(filter);
  const caller = new Caller({ filter, program: ours, numbers: [...filter.rules.keys()] }, dice);
  for (let index = 0; index < CALLS; index += 1) {
    const architecture = dice.once(25) ? dice.pick([AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64]) : X64;
    const request: Request = { architecture, ...caller.next() };
    // No syscall has a negative number. To libseccomp those are x32's, except -1.
    if (request.number < 0) continue;
    const meant = meaning(filter, request);
    const [own, other] = [verdict(ours, request), verdict(theirs, request)];
    if (!shows(meant, own) || !shows(meant, other)) {
      const rule = filter.rules.get(request.number);
      throw new Error(
        [
          `syscall ${request.number} of 0x${architecture.toString(16)} with ${request.args.map((arg) => `0x${arg.toString(16)}`)}`,
          `is meant ${JSON.stringify(meant)}, ours ${JSON.stringify(own)}, libseccomp's ${JSON.stringify(other)}`,
          JSON.stringify(set, (_key, value) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value)),
          rule === undefined ? 'no rule' : printExpression(rule),
          disassemble(theirs),
        ].join('\n'),
      );
    }
    yield own.kind;
  }
}
