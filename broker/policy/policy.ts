import { ProgramTooLong } from './bpf/assembler.js';
import { compile, NO_SUCH_SYSCALL } from './bpf/compiler.js';
import { violation } from './bpf/dsl.js';
import { type Answer, canAllow, type Expression, leaves } from './bpf/nodes.js';
import { printExpression } from './bpf/printer.js';
import { PolicyError } from './errors.js';
import { refusing } from './refused.js';
import { pathArgument } from './syscalls/arguments.js';
import { type Architecture, type SyscallName, type SyscallTable, syscallTable } from './syscalls/index.js';

/** What the sandboxee's late filter and its monitor are given. */
export interface CompiledPolicy {
  /** AUDIT_ARCH_*. */
  readonly arch: Architecture;
  /** `struct sock_filter[]`, little-endian. */
  readonly program: Uint8Array;
  /**
   * By syscall number: -1, a violation; else the errno of a denial, with `ANSWER_HAS_PATH` and the argument's index
   * in bits 20 to 22 where an argument is a path.
   */
  readonly answers: Int32Array;
  /** By syscall number: the first argument that is a path, which a report shows; -1, none. */
  readonly pathArguments: Int8Array;
  /**
   * The monitor answers larger numbers by ENOSYS. There are none: the filter has done so for those above the table, and
   * larger ones that come to the monitor are x32's, which are violations.
   */
  readonly unknownAbove: number;
  /** A denial of a path that is not in `harmlessPaths` ends the sandboxee. */
  readonly pathDenialIsViolation: boolean;
  /** Exact paths, or beginnings of paths where they end with `*`. Whether one matches decides nothing but the errno. */
  readonly harmlessPaths: readonly string[];
}

export const ANSWER_VIOLATION = -1;
export const ANSWER_HAS_PATH = 0x10000;
const ANSWER_PATH_SHIFT = 20;

export interface PolicyDefinition {
  readonly name: string;
  readonly arch: Architecture;
  /** What the author says, by syscall; the refusals come on top. */
  readonly decisions: ReadonlyMap<SyscallName, Expression>;
  readonly pathDenialIsViolation: boolean;
  readonly harmlessPaths: readonly string[];
}

/** What a sandboxee may ask of the kernel. Immutable; made by `PolicyBuilder`. */
export class Policy {
  readonly name: string;
  /** AUDIT_ARCH_*. */
  readonly arch: Architecture;
  readonly #definition: PolicyDefinition;
  readonly #table: SyscallTable;
  #compiled: CompiledPolicy | undefined;

  constructor(definition: PolicyDefinition) {
    this.name = definition.name;
    this.arch = definition.arch;
    this.#definition = definition;
    this.#table = syscallTable(definition.arch);
  }

  /** What happens to a syscall, refusals included. */
  decision(syscall: SyscallName): Expression {
    return refusing('gate', syscall, this.#definition.decisions.get(syscall)) ?? violation();
  }

  /** Whether the kernel resolves a path for the sandboxee. Such a policy needs a mount namespace or Landlock. */
  get resolvesPaths(): boolean {
    const { decisions } = this.#definition;
    return [...decisions].some(([name, decision]) => pathArgument(name) !== undefined && canAllow(decision));
  }

  /** The same object each time: a policy is compiled once. */
  compile(): CompiledPolicy {
    this.#compiled ??= this.#compile();
    return this.#compiled;
  }

  /** One line for each syscall that is not simply a violation. */
  toString(): string {
    const lines = [...this.#table.names()].flatMap((name) => {
      const text = printExpression(this.decision(name));
      return text === 'violation' ? [] : [`  ${name}: ${text}`];
    });
    const denials = this.#definition.pathDenialIsViolation ? '; a denied path is a violation unless harmless' : '';
    return [`policy '${this.name}'${denials}`, ...lines, '  everything else: violation'].join('\n');
  }

  #compile(): CompiledPolicy {
    const { pathDenialIsViolation, harmlessPaths } = this.#definition;
    const { highest } = this.#table;
    const rules = new Map<number, Expression>();
    const answers = new Int32Array(highest + 1).fill(ANSWER_VIOLATION);
    const pathArguments = new Int8Array(highest + 1).fill(-1);
    for (const name of this.#table.names()) {
      const number = this.#table.number(name) ?? highest;
      const decision = this.decision(name);
      rules.set(number, decision);
      answers[number] = encodeAnswer(singleAnswer(decision));
      pathArguments[number] = pathArgument(name) ?? -1;
    }
    return {
      arch: this.arch,
      program: this.#program(rules),
      answers,
      pathArguments,
      unknownAbove: 0xffffffff,
      pathDenialIsViolation,
      harmlessPaths,
    };
  }

  #program(rules: ReadonlyMap<number, Expression>): Uint8Array {
    try {
      return compile({
        architecture: this.arch,
        highest: this.#table.highest,
        rules,
        unlisted: violation(),
        unknown: NO_SUCH_SYSCALL,
        foreign: violation(),
      });
    } catch (error) {
      if (!(error instanceof ProgramTooLong)) throw error;
      throw new PolicyError(this.name, [{ call: 'build()', message: `${error.message}; compare fewer arguments` }]);
    }
  }
}

/**
 * The monitor answers by number alone: it never reads what the filter has already judged. Every way in which one
 * syscall comes to the monitor therefore has the same answer.
 */
export function singleAnswer(decision: Expression): Answer {
  const answers = answersOf(decision);
  const [first, ...others] = answers;
  if (others.length > 0) throw new Error(`two answers for one syscall: ${printExpression(decision)}`);
  return first ?? { kind: 'violation' };
}

/** The different answers that an expression has for the monitor. */
export function answersOf(decision: Expression): readonly Answer[] {
  const answers = new Map<number, Answer>();
  for (const leaf of leaves(decision)) {
    if (leaf.kind === 'notify') answers.set(encodeAnswer(leaf.answer), leaf.answer);
  }
  return [...answers.values()];
}

function encodeAnswer(answer: Answer): number {
  if (answer.kind === 'violation') return ANSWER_VIOLATION;
  if (answer.path === undefined) return answer.errno;
  return answer.errno | ANSWER_HAS_PATH | (answer.path << ANSWER_PATH_SHIFT);
}
