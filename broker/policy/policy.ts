import { COMMS_FD } from '../../protocols/handshake.js';
import { MSG } from './abi.js';
import { ANSWER_VIOLATION, encodeAnswer } from './answers.js';
import { ProgramTooLong } from './bpf/assembler.js';
import { compile, NO_SUCH_SYSCALL } from './bpf/compiler.js';
import { violation } from './bpf/dsl.js';
import { type Answer, canAllow, type Expression, isChoice, leaves } from './bpf/nodes.js';
import { printExpression } from './bpf/printer.js';
import { ALL } from './bpf/regions.js';
import { check } from './check.js';
import { type CommsNumber, withComms } from './comms-number.js';
import { decisionOf } from './decision.js';
import type { Definition } from './definition.js';
import { PolicyDiff } from './diff.js';
import { readDocument } from './document/document.js';
import type { JsonObject } from './document/json.js';
import { writeDocument } from './document/write.js';
import { PolicyError } from './errors.js';
import { type Explanation, explain, type LineOf } from './explain.js';
import type { FilesystemPolicy } from './filesystem.js';
import type { Finding } from './finding.js';
import { intersectionOf } from './intersection.js';
import { overviewOf } from './overview.js';
import { pathSettingsOf } from './path-settings.js';
import { Point } from './point.js';
import { type Reason, Reasons } from './reasons.js';
import { type ExplainRequest, parseRequest } from './requests.js';
import { pathArgument } from './syscalls/arguments.js';
import { type Architecture, type SyscallName, type SyscallTable, syscallTable } from './syscalls/index.js';
import { type Unmediated, withholding } from './unmediated.js';

/** What the sandboxee's late filter and its monitor are given. */
export interface CompiledPolicy {
  /** AUDIT_ARCH_*. */
  readonly arch: Architecture;
  /** `struct sock_filter[]`, little-endian. */
  readonly program: Uint8Array;
  /**
   * By syscall number: -1, a violation; else the errno of a denial, with `ANSWER_HAS_PATH` and the argument's index
   * in bits 20 to 22 where an argument is a path. With `ANSWER_BY_FILTER`, the program says which calls the monitor traces or
   * permits, and the rest (0: a violation) is for the others.
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

/** What is known of a policy before its rules are worked out. */
export interface Facts {
  readonly name: string;
  /** AUDIT_ARCH_*. */
  readonly arch: Architecture;
  readonly filesystem: FilesystemPolicy;
}

/** What was worked out of the same rules before. */
export interface Known {
  /** For which call comes to the monitor. */
  readonly answers: readonly Answer['kind'][];
  /** For these comms, where there are namespaces. */
  readonly comms: CommsNumber;
  readonly compiled: CompiledPolicy;
}

/** What a sandboxee may ask of the kernel. Immutable; made by `PolicyBuilder` or read from a document. */
export class Policy {
  readonly name: string;
  /** AUDIT_ARCH_*. */
  readonly arch: Architecture;
  /** What of the host there is besides the program, its name and its network. */
  readonly filesystem: FilesystemPolicy;
  readonly #define: () => Definition;
  readonly #table: SyscallTable;
  readonly #decisions = new Map<SyscallName, Expression>();
  readonly #compiled = new Map<string, CompiledPolicy>();
  #reasons: Reasons | undefined;
  /** Those that any call comes to the monitor for. */
  #answers: ReadonlySet<Answer['kind']> | undefined;

  private constructor({ name, arch, filesystem }: Facts, define: () => Definition) {
    this.name = name;
    this.arch = arch;
    this.filesystem = filesystem;
    this.#define = define;
    this.#table = syscallTable(arch);
  }

  /** @internal */
  static of(definition: Definition): Policy {
    return new Policy(definition, () => definition);
  }

  /** @internal @param same makes it; called for what is not known of it */
  static knownAs(facts: Facts, known: Known, same: () => Policy): Policy {
    let made: Definition | undefined;
    const policy = new Policy(facts, () => {
      made ??= same().#definition;
      return made;
    });
    policy.#answers = new Set(known.answers);
    policy.#compiled.set(keyOf(known.comms, undefined), known.compiled);
    return policy;
  }

  get #definition(): Definition {
    return this.#define();
  }

  /**
   * Reads a document, as JSON text or as what `JSON.parse` makes of it. Throws `PolicyError`: the `call` of each problem
   * is the path into the document, `/rules/3/syscalls/0`.
   */
  static parse(document: unknown): Policy {
    return Policy.of(readDocument(document));
  }

  /** A document that reads as the same policy. One that was parsed comes back as it was. */
  toJSON(): JsonObject {
    return writeDocument(this.#definition);
  }

  /** What both allow. Whatever either refuses is refused, and the stricter answer counts. Throws `PolicyError`. */
  intersect(other: Policy): Policy {
    return Policy.of(intersectionOf([this.#definition, other.#definition]));
  }

  /** What changes when this policy is replaced by the other: a value, and a text. */
  diff(other: Policy): PolicyDiff {
    return new PolicyDiff(this.#definition, other.#definition);
  }

  /**
   * What becomes of a call, and which rule says so. A text as it would be written in C, `openat(AT_FDCWD, "/etc/passwd",
   * O_RDONLY)`, or `mmap prot=5`, or the bare name; arguments that are not given may be anything. Throws `RequestError`.
   */
  explain(request: string | ExplainRequest): Explanation {
    const parsed = typeof request === 'string' ? parseRequest(request, this.arch) : request;
    return explain(this.#definition, parsed);
  }

  /** The whole policy on a page; `lineOf` tells the line of a path into the document. */
  overview(lineOf?: LineOf): string {
    return overviewOf(this.#definition, lineOf);
  }

  /** What is dangerous in it, and which rules no call reaches. */
  check(): readonly Finding[] {
    return check(this.#definition);
  }

  /**
   * Why a call is refused, by which rule, and what would allow it. `number` is of the policy's architecture.
   *
   * @param comms the number of the comms fd inside, or that there is none
   */
  reason(number: number, args: readonly bigint[], comms: CommsNumber = COMMS_FD): Reason {
    this.#reasons ??= new Reasons(this.#definition);
    return this.#reasons.of(number, new Point(args, comms));
  }

  /** What happens to a syscall, refusals included. */
  decision(syscall: SyscallName): Expression {
    const decision = this.#decisions.get(syscall) ?? decisionOf(this.#definition, syscall);
    this.#decisions.set(syscall, decision);
    return decision;
  }

  /**
   * Whether a filter of it that comes into force late lets its own listener through, which the sandboxee sends on comms.
   * Where it does not, that very call waits for an answer that nobody can give.
   *
   * @param comms the number of the comms fd inside
   */
  sendsListener(comms: CommsNumber): boolean {
    if (comms === 'none') return false;
    const call = new Point([BigInt(comms), 0n, BigInt(MSG.MSG_NOSIGNAL)], comms);
    let decision = this.decision('sendmsg');
    while (isChoice(decision)) decision = call.of(decision.condition) === ALL ? decision.then : decision.otherwise;
    return decision.kind === 'allow';
  }

  /** Whether the kernel resolves a path for the sandboxee. Such a policy needs a mount namespace or Landlock. */
  get resolvesPaths(): boolean {
    return this.pathSyscalls.length > 0;
  }

  /** By which the kernel resolves a path for the sandboxee. */
  get pathSyscalls(): readonly SyscallName[] {
    const names = [...this.#table.names()];
    return names.filter((name) => pathArgument(name) !== undefined && canAllow(this.decision(name)));
  }

  /** Whether calls are left to the hook `trace` of `launch()`. */
  get traces(): boolean {
    return this.#asked.has('trace');
  }

  /** Whether calls go on that are only reported: `dangerouslyPermitAllAndLog`. */
  get onlyLogs(): boolean {
    return this.#asked.has('permit');
  }

  get #asked(): ReadonlySet<Answer['kind']> {
    this.#answers ??= new Set(
      [...this.#table.names()]
        .flatMap((name) => leaves(this.decision(name)))
        .flatMap((leaf) => (leaf.kind === 'notify' ? [leaf.answer.kind] : [])),
    );
    return this.#answers;
  }

  /** @internal What `knownAs()` takes of a policy of the same rules. */
  known(comms: CommsNumber): Known {
    return { answers: [...this.#asked], comms, compiled: this.compile(comms) };
  }

  /**
   * The same object each time: a policy is compiled once.
   *
   * @param comms the number of the comms fd inside, or that there is none
   * @param unmediated where there are no namespaces: what else is withheld
   */
  compile(comms: CommsNumber = COMMS_FD, unmediated?: Unmediated): CompiledPolicy {
    const key = keyOf(comms, unmediated);
    const compiled = this.#compiled.get(key) ?? this.#compile(comms, unmediated);
    this.#compiled.set(key, compiled);
    return compiled;
  }

  /** One line for each syscall that is not simply a violation. */
  toString(): string {
    const lines = [...this.#table.names()].flatMap((name) => {
      const text = printExpression(this.decision(name));
      return text === 'violation' ? [] : [`  ${name}: ${text}`];
    });
    const { pathDenialIsViolation } = pathSettingsOf(this.#definition);
    const denials = pathDenialIsViolation ? '; a denied path is a violation unless harmless' : '';
    return [`policy '${this.name}'${denials}`, ...lines, '  everything else: violation'].join('\n');
  }

  #compile(comms: CommsNumber, unmediated: Unmediated | undefined): CompiledPolicy {
    const { highest } = this.#table;
    const rules = new Map<number, Expression>();
    const answers = new Int32Array(highest + 1).fill(ANSWER_VIOLATION);
    const pathArguments = new Int8Array(highest + 1).fill(-1);
    for (const name of this.#table.names()) {
      const number = this.#table.number(name) ?? highest;
      const said = withComms(this.decision(name), comms);
      const decision = unmediated === undefined ? said : withholding(name, said, unmediated);
      rules.set(number, decision);
      answers[number] = encodeAnswer(decision);
      pathArguments[number] = pathArgument(name) ?? -1;
    }
    return {
      arch: this.arch,
      program: this.#program(rules),
      answers,
      pathArguments,
      unknownAbove: 0xffffffff,
      ...pathSettingsOf(this.#definition),
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

function keyOf(comms: CommsNumber, unmediated: Unmediated | undefined): string {
  return `${comms} ${unmediated?.landlockAbi} ${unmediated?.oneGroup}`;
}
