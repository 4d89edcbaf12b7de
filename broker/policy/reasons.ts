/** Why a call was refused, by which rule, and what would allow it: for the reports of the monitor. */
import { FUTEX } from './abi.js';
import { allow, pass } from './bpf/dsl.js';
import { isChoice, type Rule, sequence } from './bpf/nodes.js';
import { ALL } from './bpf/regions.js';
import { type Case, casesOf, type Decider } from './cases.js';
import { dangerOf } from './dangers.js';
import type { Definition, RulePolicy } from './definition.js';
import { resolve } from './draft.js';
import { PolicyError } from './errors.js';
import { describeDecider } from './explain.js';
import type { Point } from './point.js';
import { inForce } from './refused.js';
import { callOf, meaningOf, type Statement, TOKEN_WORDS, type TokenWord } from './statements.js';
import { type SyscallName, syscallTable } from './syscalls/index.js';
import { dangerouslyAllowExecutableMemory, type ExecutableMemory } from './tokens.js';
import { PLAIN_WORDS } from './words.js';

export interface Reason {
  /**
   * Who decided: a rule of the author, one of the preset, what every policy refuses, the default action, the hook `trace`, or
   * that the call was made by the door of another architecture.
   */
  readonly by: Decider['kind'] | 'hook' | 'architecture';
  /** `by policies.node(): no path is resolved` */
  readonly rule: string;
  /** How to allow it, or why nothing does. One sentence. */
  readonly hint: string;
}

/** A statement that would allow some calls of one syscall, and how much else it would. */
interface Candidate {
  readonly statement: Statement;
  readonly rule: Rule;
  readonly breadth: number;
}

export class Reasons {
  readonly #definition: Definition;
  readonly #candidates = new Map<SyscallName, readonly Candidate[]>();
  readonly #sound = new Map<string, boolean>();

  constructor(definition: Definition) {
    this.#definition = definition;
  }

  of(number: number, call: Point): Reason {
    const syscall = syscallTable(this.#definition.arch).name(number);
    if (syscall === undefined) {
      return { by: 'default', rule: 'by the default action: no rule can mention it', hint: NO_NAME };
    }
    const decided = decide(this.#definition, syscall, call);
    if (decided?.action.kind === 'notify' && decided.action.answer.kind === 'trace') return TOO_MANY;
    const { by } = decided ?? NOBODY;
    const rule = by.kind === 'refusal' ? BY_EVERY_POLICY : describeDecider(by);
    return { by: by.kind, rule, hint: this.#hint(syscall, call, by) };
  }

  #hint(syscall: SyscallName, call: Point, by: Decider): string {
    const refusal = inForce('gate', syscall).find(({ when }) => when === undefined || call.of(when) === ALL);
    if (refusal !== undefined) return `refused whatever the policy says: ${refusal.why}`;
    if (this.#definition.kind === 'rules') return this.#hintFor(this.#definition, syscall, call, by);
    const hints = partsOf(this.#definition).flatMap((part) => {
      const decided = decide(part, syscall, call);
      if (decided === undefined || decided.action.kind === 'allow') return [];
      return [`policy '${part.name}': ${this.#hintFor(part, syscall, call, decided.by)}`];
    });
    return hints.join('; ');
  }

  #hintFor(policy: RulePolicy, syscall: SyscallName, call: Point, by: Decider): string {
    if (by.kind === 'rule' && by.overridable === undefined) return `${by.call} refuses it: change that rule`;
    const found = this.#candidatesFor(syscall).find(
      ({ rule, statement }) => allows(rule, call) && this.#isSound(policy, statement),
    );
    if (found === undefined) return 'no word allows it together with the other rules of this policy';
    const danger = dangerOf(syscall);
    const beware = danger === undefined ? '' : `, but beware: ${syscall} ${danger.why}`;
    return `${written(found.statement)} would allow it${beware}`;
  }

  /** The narrowest first. */
  #candidatesFor(syscall: SyscallName): readonly Candidate[] {
    const known = this.#candidates.get(syscall);
    if (known !== undefined) return known;
    const candidates = statementsFor(syscall)
      .flatMap((statement) => candidateOf(statement, syscall, this.#definition))
      .sort((a, b) => a.breadth - b.breadth);
    this.#candidates.set(syscall, candidates);
    return candidates;
  }

  /** Whether the policy builds with it. */
  #isSound(policy: RulePolicy, statement: Statement): boolean {
    const key = `${policy.name} ${policy.pointer ?? ''} ${written(statement)}`;
    const known = this.#sound.get(key) ?? builds(policy, statement);
    this.#sound.set(key, known);
    return known;
  }
}

/** Why is for the hint to say. */
const BY_EVERY_POLICY = 'by a refusal that every policy has';
const NO_NAME = 'the number has no name up to Linux 6.18, so that no policy can allow it';
const NOBODY: { readonly by: Decider } = { by: { kind: 'default', call: 'the default action' } };
const TOO_MANY: Reason = {
  by: 'hook',
  rule: 'by the monitor: more calls waited for the trace hook than it keeps',
  hint: 'answer sooner in hooks.trace(), or lower limits.processes',
};

/** A call by the door of another architecture. */
export function foreignReason(architecture: string): Reason {
  return {
    by: 'architecture',
    rule: BY_EVERY_POLICY,
    hint: `refused whatever the policy says: by the door of ${architecture} the same numbers are other syscalls; build the program for this machine's own`,
  };
}

function allows(rule: Rule, call: Point): boolean {
  if (!isChoice(rule)) return rule.kind === 'allow';
  return allows(call.of(rule.condition) === ALL ? rule.then : rule.otherwise, call);
}

/** What becomes of one call, and by whom. */
function decide(definition: Definition, syscall: SyscallName, call: Point): Case | undefined {
  return casesOf(definition, syscall, call, ALL)[0];
}

function partsOf(definition: Definition): readonly RulePolicy[] {
  return definition.kind === 'rules' ? [definition] : definition.parts.flatMap(partsOf);
}

function builds({ draft }: RulePolicy, statement: Statement): boolean {
  try {
    resolve({ ...draft, stated: [...draft.stated, { statement, origin: { call: callOf(statement) } }] });
    return true;
  } catch (error) {
    if (error instanceof PolicyError) return false;
    throw error;
  }
}

const TOKEN: ExecutableMemory = dangerouslyAllowExecutableMemory;

/** All that a builder could be told of the syscall, the words of the vocabulary among it. */
function statementsFor(syscall: SyscallName): readonly Statement[] {
  return [
    ...PLAIN_WORDS.map((call): Statement => ({ call })),
    ...Object.values(FUTEX).map((operation): Statement => ({ call: 'allowFutexOp', operation })),
    { call: 'allowSyscall', syscall },
    ...(Object.keys(TOKEN_WORDS) as TokenWord[]).map((call): Statement => ({ call, token: TOKEN })),
    { call: 'addPolicyOnSyscall', syscall, rule: allow(), token: TOKEN },
  ];
}

/** What it would allow counts: half for a rule on arguments, more for what is dangerous without one, most for a token. */
function candidateOf(statement: Statement, syscall: SyscallName, { arch }: Definition): readonly Candidate[] {
  const { parts, problems } = meaningOf(statement, arch);
  const firm = parts.filter(({ overridable }) => overridable === undefined);
  const its = firm.filter(({ syscalls }) => syscalls.includes(syscall)).map(({ rule }) => rule);
  if (problems.length > 0 || its.length === 0) return [];
  const breadth = firm.reduce(
    (sum, { syscalls, rule }) => sum + syscalls.reduce((each, name) => each + breadthOf(name, rule), 0),
    'token' in statement ? WITH_TOKEN : 0,
  );
  return [{ statement, rule: its.reduceRight<Rule>((next, rule) => sequence(rule, next), pass()), breadth }];
}

const WITH_TOKEN = 100;
const DANGEROUS = 6;

function breadthOf(syscall: SyscallName, rule: Rule): number {
  if (isChoice(rule)) return 0.5;
  return dangerOf(syscall)?.unlessRuled === true ? DANGEROUS : 1;
}

/** As it would be written: `.allowFutexOp(linux.FUTEX.FUTEX_WAIT)`. */
function written(statement: Statement): string {
  if (statement.call === 'allowFutexOp') {
    const name = Object.entries(FUTEX).find(([, value]) => value === statement.operation)?.[0];
    return `.allowFutexOp(linux.FUTEX.${name})`;
  }
  if (!('token' in statement)) return `.${callOf(statement)}`;
  const values = 'syscall' in statement ? [`'${statement.syscall}'`, 'rule.allow()'] : [];
  return `.${statement.call}(${[...values, 'dangerouslyAllowExecutableMemory'].join(', ')})`;
}
