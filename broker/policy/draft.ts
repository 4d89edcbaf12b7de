/** What a `PolicyBuilder` has gathered so far, and how it becomes a policy. */

import { violation } from './bpf/dsl.js';
import { canAllow, type Expression, leaves, passesOn, type Rule, sequence } from './bpf/nodes.js';
import { printExpression } from './bpf/printer.js';
import type { PolicyProblem } from './errors.js';
import { answersOf } from './policy.js';
import { refusing, whyRefusedAltogether } from './refused.js';
import { type Architecture, isSyscallName, type SyscallName } from './syscalls/index.js';

/** One rule for some syscalls, and the call that made it. */
export interface Entry {
  readonly call: string;
  readonly syscalls: readonly SyscallName[];
  readonly rule: Rule;
}

/** The state of a builder. Immutable, as everything in it. */
export interface Draft {
  readonly name: string;
  readonly arch: Architecture;
  /** The author's rules, which come before the preset's. */
  readonly own: readonly Entry[];
  readonly preset: readonly Entry[];
  /** What was wrong with calls so far. */
  readonly problems: readonly PolicyProblem[];
  readonly onPathDenial: PathDenial;
  readonly harmlessPaths: readonly string[];
}

/** A denied path is reported and answered with an errno, or it is the end of the sandboxee. */
export type PathDenial = 'report' | 'kill';

export interface Resolution {
  readonly decisions: ReadonlyMap<SyscallName, Expression>;
  readonly problems: readonly PolicyProblem[];
}

/** What is wrong with an entry by itself. */
export function problemsOf({ call, syscalls, rule }: Entry): readonly PolicyProblem[] {
  const unknown = syscalls.filter((name) => !isSyscallName(name));
  const refused = canAllow(rule) ? syscalls.filter((name) => whyRefusedAltogether(name) !== undefined) : [];
  return [
    ...(syscalls.length === 0 ? [{ call, message: 'it names no syscall' }] : []),
    ...unknown.map((name) => ({ call, message: `no kernel up to 6.18 has a syscall '${name}' on x64 or arm64` })),
    ...refused.map((name) => ({
      call,
      message: `${name} is refused by every policy (${whyRefusedAltogether(name)}); blockSyscallWithErrno can choose its errno`,
    })),
  ];
}

/**
 * The rules of one syscall are asked in the order of the calls, the author's own before those of the preset, until one
 * decides. What none decides is a violation.
 */
export function resolve(own: readonly Entry[], preset: readonly Entry[]): Resolution {
  const problems: PolicyProblem[] = [];
  const decisions = new Map<SyscallName, Expression>();
  for (const [name, entries] of bySyscall(own)) {
    problems.push(...unreachable(name, entries));
  }
  for (const [name, entries] of bySyscall([...own, ...preset])) {
    const decision = entries.reduceRight<Expression>((next, { rule }) => sequence(rule, next), violation());
    const refused = refusing('gate', name, decision) ?? decision;
    if (answersOf(refused).length > 1) problems.push(ambiguous(name, entries, refused));
    decisions.set(name, decision);
  }
  return { decisions, problems };
}

function bySyscall(entries: readonly Entry[]): ReadonlyMap<SyscallName, readonly Entry[]> {
  const groups = new Map<SyscallName, Entry[]>();
  for (const entry of entries) {
    for (const name of new Set(entry.syscalls)) groups.set(name, [...(groups.get(name) ?? []), entry]);
  }
  return groups;
}

/** A rule that no call reaches, since an earlier one has decided, is a mistake unless both say the same. */
function unreachable(name: SyscallName, entries: readonly Entry[]): readonly PolicyProblem[] {
  const decided = entries.findIndex(({ rule }) => !passesOn(rule));
  const decider = entries[decided];
  if (decider === undefined) return [];
  return entries
    .slice(decided + 1)
    .filter(({ rule }) => !isCovered(rule, decider.rule))
    .map(({ call }) => ({
      call,
      message: `${decider.call} already decides every ${name} (${printExpression(decider.rule)}); put the narrower rule first`,
    }));
}

function isCovered(rule: Rule, decider: Rule): boolean {
  if (printExpression(rule) === printExpression(decider)) return true;
  return decider.kind === 'allow' && [...leaves(rule)].every(({ kind }) => kind === 'allow' || kind === 'pass');
}

function ambiguous(name: SyscallName, entries: readonly Entry[], decision: Expression): PolicyProblem {
  return {
    call: entries.map(({ call }) => call).join(', '),
    message:
      `${name} comes to the monitor for more than one answer, and the monitor goes by the number alone: ` +
      `use errno() for all but one of them (${printExpression(decision)})`,
  };
}
