import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { NO_SUCH_SYSCALL } from '../../broker/policy/bpf/compiler.js';
import { violation } from '../../broker/policy/bpf/dsl.js';
import { verdict } from '../../broker/policy/bpf/simulator.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import type { PresetName } from '../../broker/policy/definition.js';
import { PRESET_NAMES, presetOf } from '../../broker/policy/preset-list.js';
import { launcherProgram, stage0Program } from '../../broker/policy/stages.js';
import { syscallTable, X32_SYSCALL_BIT } from '../../broker/policy/syscalls/index.js';
import { X64 } from '../policy/filters.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { Dice, randomSeed } from './dice.js';
import { argumentsAt, edgesOf } from './edges.js';
import { AUDIT_ARCH_I386, decideByKernel, isFiltered, markOf, type Request, UNFILTERED } from './kernel.js';

const { highest } = syscallTable(X64);
/** Some more than there are: of kernels to come, and of i386, which has the same newest numbers. */
const NUMBERS = Array.from({ length: highest + 65 }, (_, number) => number);
const NO_ARGUMENTS = [0n, 0n, 0n, 0n, 0n, 0n];
const CALLS_PER_NUMBER = 25;

interface Subject {
  readonly name: string;
  readonly program: Uint8Array;
  /** By number: calls on the edges of its rules. */
  readonly callsOf: (number: number, dice: Dice) => readonly (readonly bigint[])[];
}

function preset(name: PresetName): Subject {
  const policy = new PolicyBuilder({ arch: X64, preset: presetOf(name) }).build();
  const table = syscallTable(X64);
  return {
    name: `policies.${name}()`,
    program: policy.compile().program,
    callsOf: (number, dice) => {
      const syscall = table.name(number);
      const unlisted = number > highest ? NO_SUCH_SYSCALL : violation();
      const edges = edgesOf(syscall === undefined ? unlisted : policy.decision(syscall));
      return Array.from({ length: CALLS_PER_NUMBER }, () => argumentsAt(edges, dice));
    },
  };
}

const SUBJECTS: readonly Subject[] = [
  ...PRESET_NAMES.map(preset),
  { name: 'stage 0', program: stage0Program(X64), callsOf: (_, dice) => [argumentsAt(edgesOf(violation()), dice)] },
  { name: 'the filter of the launcher', program: launcherProgram(X64), callsOf: () => [] },
];

function requestsOf({ callsOf }: Subject, dice: Dice): readonly Request[] {
  return NUMBERS.flatMap((number): Request[] => [
    { architecture: X64, number, args: NO_ARGUMENTS },
    ...callsOf(number, dice).map((args) => ({ architecture: X64, number, args })),
    { architecture: X64, number: number | X32_SYSCALL_BIT, args: NO_ARGUMENTS },
    { architecture: AUDIT_ARCH_I386, number, args: NO_ARGUMENTS },
  ]);
}

(process.arch === 'x64' ? describe : describe.skip)('every syscall number, of x32 and by int 0x80 too', () => {
  leakGate();

  for (const subject of SUBJECTS) {
    it(`is decided by the kernel as by the simulator under ${subject.name}`, () => {
      const seed = randomSeed();
      const requests = requestsOf(subject, new Dice(seed)).filter(isFiltered);
      const marks = decideByKernel([{ program: subject.program, requests }]);
      expect(marks).to.have.lengthOf(requests.length);
      for (const [index, request] of requests.entries()) {
        if (marks[index] === markOf(verdict(subject.program, request))) continue;
        const { architecture, number, args } = request;
        expect.fail(
          `syscall ${number} of 0x${architecture.toString(16)} with ${args}: errno ${marks[index]} by the kernel, ` +
            `${JSON.stringify(verdict(subject.program, request))} by the simulator (seed ${seed})`,
        );
      }
    });
  }

  it("is refused or asked of the filter, but for the two of the kernel's own probes, which do nothing", () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-proof-'));
    try {
      writeFileSync(join(folder, 'filter'), launcherProgram(X64));
      const numbers = UNFILTERED.map((name) => syscallTable(X64).number(name));
      const input = numbers.map((number) => `${number}\n`).join('');
      const output = execFileSync(attackProgram('probe-policy'), [join(folder, 'filter')], { input, encoding: 'utf8' });
      // SIGILL and ENXIO; before 6.14 and 6.18 there is nothing to let through, and the filter kills.
      expect(output.trimEnd().split('\n')).to.have.lengthOf(2);
      expect(output).to.match(
        /^(signal 4\|signal 4|signal 4\|signal 31|errno 38\|signal 31)\n(errno 6\|errno 6|errno 38\|signal 31)\n$/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
