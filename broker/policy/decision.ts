/** What a policy says of one syscall, refusals included. */
import { answersOf, isRefusing } from './answers.js';
import { violation } from './bpf/dsl.js';
import { meet, strictest } from './bpf/meet.js';
import { type Action, type Expression, isLeftToMonitor, letsThrough, replace, sequence } from './bpf/nodes.js';
import type { Definition, Entry, RulePolicy } from './definition.js';
import { withoutExecutableMemory } from './executable.js';
import { refusing } from './refused.js';
import { sendOnComms } from './rules.js';
import type { SyscallName } from './syscalls/index.js';

export function decisionOf(definition: Definition, syscall: SyscallName): Expression {
  if (definition.kind === 'rules') return decisionOfRules(definition, syscall);
  return withOneAnswer(definition.parts.map((part) => decisionOf(part, syscall)).reduce(meet));
}

/**
 * What the default action is for one syscall. It does not reach executable memory, which has a token of its own, unless the
 * filter only logs. `sendmsg` on comms is what brings the listener to the monitor, so that nobody could answer it yet.
 */
export function decideBy(fallback: Action, syscall: SyscallName): Expression {
  if (!letsThrough(fallback)) return fallback;
  const own = syscall === 'sendmsg' && isLeftToMonitor(fallback) ? sequence<Action>(sendOnComms, fallback) : fallback;
  if (isPermit(fallback)) return own;
  return sequence(withoutExecutableMemory(syscall, own) ?? violation(), violation());
}

function isPermit(action: Action): boolean {
  return action.kind === 'notify' && action.answer.kind === 'permit';
}

function decisionOfRules({ decisions, fallback }: RulePolicy, syscall: SyscallName): Expression {
  const decision = decideBy(fallback, syscall);
  return refusing('gate', syscall, decisions.get(syscall)) ?? refusing('gate', syscall, decision) ?? decision;
}

/**
 * The monitor refuses by the number alone. Where the parts of an intersection have different refusals for one syscall, all
 * of them become the strictest: nothing is allowed by it that was not.
 */
function withOneAnswer(decision: Expression): Expression {
  const [first, ...others] = answersOf(decision).map((answer): Action => ({ kind: 'notify', answer }));
  if (first === undefined || others.length === 0) return decision;
  const answer = others.reduce(strictest, first);
  return replace<Action, Action>(decision, (leaf) => (isRefusing(leaf) ? answer : leaf));
}

export function entriesBySyscall(entries: readonly Entry[]): ReadonlyMap<SyscallName, readonly Entry[]> {
  const groups = new Map<SyscallName, Entry[]>();
  for (const entry of entries) {
    for (const name of new Set(entry.syscalls)) {
      const group = groups.get(name) ?? [];
      groups.set(name, group);
      group.push(entry);
    }
  }
  return groups;
}
