/** How what a builder or a document has gathered becomes a policy, or a list of all that is wrong with it. */
import { answersOf } from './answers.js';
import { allow, trace, violation } from './bpf/dsl.js';
import { type Action, countCases, type Expression, leaves, passesOn, type Rule, sequence } from './bpf/nodes.js';
import { printExpression } from './bpf/printer.js';
import { decideBy, entriesBySyscall } from './decision.js';
import type { DefaultAction, Draft, Entry, Origin, RulePolicy } from './definition.js';
import { PolicyError, type PolicyProblem } from './errors.js';
import { gatherFiles } from './filesystem-draft.js';
import { refusing } from './refused.js';
import { meaningOf } from './statements.js';
import { hostArchitecture, type SyscallName } from './syscalls/index.js';
import { dangerouslyAllowAllSyscalls, dangerouslyPermitAllAndLog, traceAllSyscalls } from './tokens.js';

export const EMPTY_DRAFT: Draft = {
  name: undefined,
  arch: undefined,
  preset: undefined,
  stated: [],
  defaultAction: undefined,
  onPathDenial: undefined,
  harmlessPaths: undefined,
  problems: [],
};

/** A policy is there to be read, and what is written of it grows with its cases. */
const MOST_CASES = 4096;

export function nameOf(draft: Draft): string {
  return draft.name ?? draft.preset?.name ?? 'custom';
}

/** Throws `PolicyError`. */
export function resolve(draft: Draft): RulePolicy {
  const name = nameOf(draft);
  const arch = draft.arch ?? hostArchitecture();
  const problems = [...draft.problems];
  const own: Entry[] = [];
  for (const { statement, origin } of draft.stated) {
    const meaning = meaningOf(statement, arch);
    own.push(...meaning.parts.map((part): Entry => ({ ...part, origin })));
    problems.push(...meaning.problems.map(({ at, message }) => ({ call: placeOf(origin, at), message })));
  }
  const files = gatherFiles(draft.stated, placeOf);
  problems.push(...files.problems);
  const firm = own.filter(({ overridable }) => overridable === undefined);
  const entries = [...firm, ...own.filter(({ overridable }) => overridable), ...(draft.preset?.entries ?? [])];
  for (const [syscall, list] of entriesBySyscall(firm)) problems.push(...unreachable(syscall, list));
  const fallback = fallbackOf(draft.defaultAction);
  const decisions = new Map<SyscallName, Expression>();
  for (const [syscall, list] of entriesBySyscall(entries)) {
    // What a rule passes on once it passes on again: a word that is said twice has its rules once.
    const rules = [...new Set(list.map(({ rule }) => rule))];
    const decision = rules.reduceRight<Expression>((next, rule) => sequence(rule, next), decideBy(fallback, syscall));
    decisions.set(syscall, decision);
    problems.push(...undecidable(syscall, list, decision));
  }
  if (problems.length > 0) throw new PolicyError(name, problems);
  return {
    kind: 'rules',
    name,
    arch,
    entries,
    decisions,
    fallback,
    pathDenialIsViolation: draft.onPathDenial === 'kill',
    harmlessPaths: draft.harmlessPaths ?? draft.preset?.harmlessPaths ?? [],
    filesystem: files.filesystem,
    draft,
  };
}

/** How a problem names a place: the path into the document, or else the call. */
export function placeOf(origin: Origin, at = ''): string {
  return origin.pointer === undefined ? origin.call : `${origin.pointer}${at}`;
}

function fallbackOf(action: DefaultAction | undefined): Action {
  switch (action) {
    case dangerouslyAllowAllSyscalls:
      return allow();
    case dangerouslyPermitAllAndLog:
      return { kind: 'notify', answer: { kind: 'permit' } };
    case traceAllSyscalls:
      return trace();
    default:
      return action ?? violation();
  }
}

/** A rule that no call reaches, since an earlier one has decided, is a mistake unless both say the same. */
function unreachable(name: SyscallName, entries: readonly Entry[]): readonly PolicyProblem[] {
  const decided = entries.findIndex(({ rule }) => !passesOn(rule));
  const decider = entries[decided];
  if (decider === undefined) return [];
  return entries
    .slice(decided + 1)
    .filter(({ rule }) => !isCovered(rule, decider.rule))
    .map(({ origin }) => ({
      call: placeOf(origin),
      message: `${decider.origin.call} already decides every ${name} (${printExpression(decider.rule)}); put the narrower rule first`,
    }));
}

function isCovered(rule: Rule, decider: Rule): boolean {
  if (printExpression(rule) === printExpression(decider)) return true;
  return decider.kind === 'allow' && leaves(rule).every(({ kind }) => kind === 'allow' || kind === 'pass');
}

function undecidable(name: SyscallName, entries: readonly Entry[], decision: Expression): readonly PolicyProblem[] {
  const call = entries.map(({ origin }) => placeOf(origin)).join(', ');
  const refused = refusing('gate', name, decision) ?? decision;
  if (countCases(refused) > MOST_CASES) {
    return [{ call, message: `the rules of ${name} come to more than ${MOST_CASES} cases; compare fewer arguments` }];
  }
  if (answersOf(refused).length <= 1) return [];
  return [
    {
      call,
      message:
        `${name} comes to the monitor for more than one answer, and the monitor refuses by the number alone: ` +
        `use errno() for all but one of them (${printExpression(refused)})`,
    },
  ];
}
