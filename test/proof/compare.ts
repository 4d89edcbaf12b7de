/** The comparison itself: meaning, simulator and kernel, over as many cases as one likes. */
import fc from 'fast-check';
import { compile, type Filter } from '../../broker/policy/bpf/compiler.js';
import { disassemble } from '../../broker/policy/bpf/disassembler.js';
import { printExpression } from '../../broker/policy/bpf/printer.js';
import { verdict } from '../../broker/policy/bpf/simulator.js';
import { AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64 } from '../../broker/policy/syscalls/index.js';
import { Dice } from './dice.js';
import {
  AUDIT_ARCH_I386,
  type Batch,
  decideByKernel,
  isFiltered,
  markOf,
  type Request,
  UNTRANSLATABLE,
} from './kernel.js';
import { meaning, shows } from './meaning.js';
import { Caller, type Subject, subjects } from './subjects.js';

const CASES_PER_SUBJECT = 100;
const SUBJECTS_AT_ONCE = 200;

export interface Proven {
  /** Pairs of a policy and a call. */
  readonly cases: number;
  readonly policies: number;
  /** How many of the cases a kernel decided too. */
  readonly byKernel: number;
  /** Policies whose filter the kernel cannot load; see `UNTRANSLATABLE`. */
  readonly untranslatable: number;
  readonly byVerdict: ReadonlyMap<string, number>;
}

/** Throws at the first difference, with all that it takes to see it again. Which cases there are depends on the seed alone. */
export function prove(cases: number, seed: number, onProgress: (cases: number) => void = () => undefined): Proven {
  const byVerdict = new Map<string, number>();
  let [done, policies, byKernel, untranslatable] = [0, 0, 0, 0];
  for (let round = 0; done < cases; round += 1) {
    const batches: (Batch & Subject)[] = [];
    for (const subject of fc.sample(subjects, { seed: seed + round, numRuns: SUBJECTS_AT_ONCE })) {
      const requests = compareWithSimulator(subject, new Dice(seed + policies), byVerdict);
      batches.push({ ...subject, requests: requests.filter(isFiltered) });
      policies += 1;
      done += requests.length;
      if (done >= cases) break;
    }
    const kernel = compareWithKernel(batches);
    byKernel += kernel.cases;
    untranslatable += kernel.untranslatable;
    onProgress(done);
  }
  return { cases: done, policies, byKernel, untranslatable, byVerdict };
}

/** On both architectures; the calls on the first are what a kernel can be asked. */
function compareWithSimulator(subject: Subject, dice: Dice, byVerdict: Map<string, number>): readonly Request[] {
  const { filter } = subject;
  const elsewhere: Filter = { ...filter, architecture: AUDIT_ARCH_AARCH64 };
  const elsewhereProgram = compile(elsewhere);
  const caller = new Caller(subject, dice);
  const requests: Request[] = [];
  for (let index = 0; index < CASES_PER_SUBJECT; index += 1) {
    const architecture = dice.once(50) ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
    const request: Request = { architecture, ...caller.next() };
    const said = compareOne(filter, subject.program, request);
    compareOne(elsewhere, elsewhereProgram, { ...request, architecture: AUDIT_ARCH_AARCH64 });
    byVerdict.set(said, (byVerdict.get(said) ?? 0) + 1);
    requests.push(request);
  }
  return requests;
}

function compareOne(filter: Filter, program: Uint8Array, request: Request): string {
  const meant = meaning(filter, request);
  const simulated = verdict(program, request);
  if (shows(meant, simulated)) return simulated.kind;
  throw new Error(difference(filter, program, request, `the simulator says ${JSON.stringify(simulated)}`));
}

function compareWithKernel(batches: readonly (Batch & Subject)[]): Pick<Proven, 'untranslatable'> & { cases: number } {
  if (process.arch !== 'x64') return { cases: 0, untranslatable: 0 };
  const marks = decideByKernel(batches);
  let [at, cases, untranslatable] = [0, 0, 0];
  for (const { filter, program, requests } of batches) {
    const answers = marks.subarray(at, at + requests.length);
    at += requests.length;
    if (answers.every((mark) => mark === UNTRANSLATABLE)) {
      untranslatable += 1;
      continue;
    }
    for (const [index, request] of requests.entries()) {
      if (answers[index] === markOf(verdict(program, request))) continue;
      throw new Error(difference(filter, program, request, `the kernel's errno is ${answers[index]}`));
    }
    cases += requests.length;
  }
  if (at !== marks.length) throw new Error(`the kernel decided ${marks.length} calls of ${at}`);
  return { cases, untranslatable };
}

function difference(filter: Filter, program: Uint8Array, request: Request, seen: string): string {
  const { number, architecture, args } = request;
  const rule = filter.rules.get(number);
  return [
    `syscall ${number} of architecture 0x${architecture.toString(16)} with ${args.map((arg) => `0x${arg.toString(16)}`)}:`,
    `${JSON.stringify(meaning(filter, request))} is meant, ${seen}`,
    rule === undefined ? 'it has no rule' : `its rule: ${printExpression(rule)}`,
    disassemble(program),
  ].join('\n');
}
