/** Takes a policy apart: for one syscall, every way in which a call can go, and which rule sends it there. */
import { constants } from 'node:os';
import { isRefusing } from './answers.js';
import { errno, violation } from './bpf/dsl.js';
import { strictest } from './bpf/meet.js';
import { type Action, type Condition, canAllow, isChoice, type Rule } from './bpf/nodes.js';
import { NONE, type Region, type Sets } from './bpf/regions.js';
import { decideBy } from './decision.js';
import type { Definition, Origin, RulePolicy } from './definition.js';
import { inForce } from './refused.js';
import type { SyscallName } from './syscalls/index.js';

/** Who decides: a rule of the author, one of the preset, what every policy refuses, or the default action. */
export interface Decider extends Origin {
  readonly kind: 'rule' | 'preset' | 'refusal' | 'default';
  /** What the author says of the syscall elsewhere would come first. */
  readonly overridable?: true;
  /** Of an intersection: the part that is the stricter. */
  readonly policy?: string;
}

/** A condition that holds on the way to a case, or does not. */
export interface Step {
  readonly condition: Condition;
  readonly holds: boolean;
}

/** Calls that go the same way, and what becomes of them. */
export interface Case {
  readonly region: Region;
  /** What leads there from the cases before, which have not applied. */
  readonly steps: readonly Step[];
  readonly action: Action;
  readonly by: Decider;
}

/** In the order in which they are asked; together they are all calls of `within`. Throws `TooIntricate`. */
export function casesOf(definition: Definition, syscall: SyscallName, regions: Sets, within: Region): readonly Case[] {
  if (definition.kind === 'rules') return new Tracer(definition, syscall, regions).cases(within);
  const parts = definition.parts.map((part): readonly Case[] =>
    casesOf(part, syscall, regions, within).map((each) => named(each, part.name)),
  );
  return withOneAnswer(parts.reduce((first, second) => both(regions, first, second)));
}

class Tracer {
  readonly #policy: RulePolicy;
  readonly #syscall: SyscallName;
  readonly #regions: Sets;
  readonly #cases: Case[] = [];

  constructor(policy: RulePolicy, syscall: SyscallName, regions: Sets) {
    this.#policy = policy;
    this.#syscall = syscall;
    this.#regions = regions;
  }

  cases(within: Region): readonly Case[] {
    const { entries, decisions, fallback } = this.#policy;
    let left = this.#refusals(within);
    for (const { syscalls, rule, origin, overridable } of entries) {
      if (!syscalls.includes(this.#syscall)) continue;
      const kind = origin.why === undefined ? 'rule' : 'preset';
      left = this.#rule(rule, left, [], { ...origin, kind, ...(overridable ? { overridable } : {}) });
    }
    const otherwise = decideBy(fallback, this.#syscall);
    const why = decisions.has(this.#syscall) ? 'no rule decides it' : 'no rule mentions it';
    this.#rule(otherwise, left, [], { kind: 'default', call: 'the default action', why });
    return this.#cases;
  }

  /** What the author allows is refused first; what the author refuses anyhow is the author's to answer. */
  #refusals(within: Region): Region {
    const said = this.#policy.decisions.get(this.#syscall);
    const decision = said ?? decideBy(this.#policy.fallback, this.#syscall);
    const unsaid = said === undefined && !isChoice(decision) && decision.kind === 'notify';
    const refusals = inForce('gate', this.#syscall).filter(
      ({ as, when }) =>
        canAllow(decision) || (said === undefined && as === 'unknown') || (unsaid && when === undefined),
    );
    return refusals.reduce((left, { when, as, why }) => {
      const by: Decider = { kind: 'refusal', call: 'every policy', why };
      const action = as === 'unknown' ? errno(constants.errno.ENOSYS) : violation();
      if (when === undefined) return this.#decided(left, [], action, by);
      const refused = this.#regions.of(when);
      this.#decided(this.#regions.and(left, refused), [{ condition: when, holds: true }], action, by);
      return this.#regions.minus(left, refused);
    }, within);
  }

  /** What the rule passes on of a region. */
  #rule(rule: Rule, within: Region, steps: readonly Step[], by: Decider): Region {
    if (within === NONE || rule.kind === 'pass') return within;
    if (!isChoice(rule)) return this.#decided(within, steps, rule, by);
    const { condition, then, otherwise } = rule;
    const holds = this.#regions.and(within, this.#regions.of(condition));
    const passed = this.#rule(then, holds, [...steps, { condition, holds: true }], by);
    const fails = this.#regions.minus(within, this.#regions.of(condition));
    return this.#regions.or(passed, this.#rule(otherwise, fails, [...steps, { condition, holds: false }], by));
  }

  #decided(region: Region, steps: readonly Step[], action: Action, by: Decider): Region {
    if (region !== NONE) this.#cases.push({ region, steps, action, by });
    return NONE;
  }
}

function named(each: Case, policy: string): Case {
  return { ...each, by: { policy, ...each.by } };
}

function both(regions: Sets, first: readonly Case[], second: readonly Case[]): readonly Case[] {
  return first.flatMap((a) =>
    second.flatMap((b): Case[] => {
      const region = regions.and(a.region, b.region);
      if (region === NONE) return [];
      const action = strictest(a.action, b.action);
      return [{ region, steps: [...a.steps, ...b.steps], action, by: action === a.action ? a.by : b.by }];
    }),
  );
}

/** As `decision.ts` does it: the monitor has one refusal for a syscall. */
function withOneAnswer(cases: readonly Case[]): readonly Case[] {
  const actions = cases.map(({ action }) => action);
  const answers = actions.filter(isRefusing);
  const [first, ...others] = answers;
  if (first === undefined) return cases;
  const answer = others.reduce<Action>(strictest, first);
  return cases.map((each) => (isRefusing(each.action) ? { ...each, action: answer } : each));
}
