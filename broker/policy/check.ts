/** What is allowed to be written and probably is not meant: dangerous grants, and rules that no call reaches. */
import { type Action, canAllow, isChoice, letsThrough, type Rule } from './bpf/nodes.js';
import { printExpression } from './bpf/printer.js';
import { ALL, NONE, type Region, Regions, TooIntricate } from './bpf/regions.js';
import { checkFiles } from './check-files.js';
import { dangerOf } from './dangers.js';
import { entriesBySyscall } from './decision.js';
import type { Definition, Entry, RulePolicy, Stated } from './definition.js';
import { placeOf } from './draft.js';
import type { Finding } from './finding.js';
import { inForce } from './refused.js';
import { architectureName, type SyscallName, syscallTable } from './syscalls/index.js';
import { TOKENS, tokenName } from './tokens.js';

/** Of the author's own rules; those of the presets have their reasons. */
export function check(definition: Definition): readonly Finding[] {
  if (definition.kind === 'intersection') return definition.parts.flatMap(check);
  const own = definition.entries.filter(({ origin }) => origin.why === undefined);
  return [...dangers(definition, own), ...checkFiles(definition), ...deadRules(definition, own)];
}

// Dangers

function dangers({ draft, pointer }: RulePolicy, own: readonly Entry[]): readonly Finding[] {
  const byDefault = pointer === undefined ? 'defaultAction()' : `${pointer}/defaultAction`;
  return [
    ...Object.values(TOKENS)
      .filter(({ token }) => token === draft.defaultAction)
      .map(({ danger }) => dangerous(byDefault, danger)),
    ...draft.stated.flatMap(dangersOfToken),
    ...own.flatMap(dangersOfEntry),
  ];
}

function dangersOfToken({ statement, origin }: Stated): readonly Finding[] {
  if (!('token' in statement) || statement.token === undefined) return [];
  const name = tokenName(statement.token);
  return name === undefined ? [] : [dangerous(placeOf(origin), TOKENS[name].danger)];
}

function dangersOfEntry({ syscalls, rule, origin }: Entry): readonly Finding[] {
  return syscalls.flatMap((syscall) => {
    const danger = dangerOf(syscall);
    if (danger === undefined || !canAllow(rule) || (danger.unlessRuled && isChoice(rule))) return [];
    return [dangerous(placeOf(origin), `${syscall} ${danger.why}`)];
  });
}

function dangerous(call: string, message: string): Finding {
  return { kind: 'dangerous', call, message };
}

// Dead rules

/** One answer of one rule for one syscall. `dead`: why no call ever gets it. */
interface Reach {
  readonly entry: Entry;
  readonly syscall: SyscallName;
  readonly answer: string;
  readonly dead: Pick<Finding, 'kind' | 'message'> | undefined;
}

/** Where all of a statement is dead, that is said once; of a rule on arguments, each answer that is. */
function deadRules(policy: RulePolicy, own: readonly Entry[]): readonly Finding[] {
  const reaches = [...entriesBySyscall(own)].flatMap(([syscall, entries]) => reachesOf(policy, syscall, entries));
  return policy.draft.stated.flatMap(({ origin, statement }) => {
    const its = reaches.filter(({ entry }) => entry.origin === origin && entry.overridable === undefined);
    const dead = its.flatMap((reach) => (reach.dead === undefined ? [] : [{ ...reach, ...reach.dead }]));
    const [first] = dead;
    if (first === undefined) return [];
    const call = placeOf(origin);
    if (dead.length === its.length) return [{ kind: first.kind, call, message: first.message }];
    if (!('rule' in statement)) return [];
    return dead.map(({ kind, message, syscall, answer }) => ({
      kind,
      call,
      message: `${syscall}, ${answer}: ${message}`,
    }));
  });
}

function reachesOf(policy: RulePolicy, syscall: SyscallName, entries: readonly Entry[]): readonly Reach[] {
  if (syscallTable(policy.arch).number(syscall) === undefined) {
    const message = `${architectureName(policy.arch)} has no syscall ${syscall}`;
    return entries.map((entry) => ({ entry, syscall, answer: '', dead: { kind: 'unreachable', message } }));
  }
  try {
    return new Reacher(syscall).of(entries);
  } catch (error) {
    if (error instanceof TooIntricate) return [];
    throw error;
  }
}

class Reacher {
  readonly #syscall: SyscallName;
  readonly #regions = new Regions();

  constructor(syscall: SyscallName) {
    this.#syscall = syscall;
  }

  of(entries: readonly Entry[]): readonly Reach[] {
    let left = ALL;
    const before: Entry[] = [];
    return entries.flatMap((entry) => {
      const answers = [...this.#answers(entry.rule)];
      const reaches = answers.map(([action, region]): Reach => {
        const dead = this.#whyDead(action, region, left, before);
        return { entry, syscall: this.#syscall, answer: printExpression(action), dead };
      });
      for (const [, region] of answers) left = this.#regions.minus(left, region);
      before.push(entry);
      return reaches;
    });
  }

  #whyDead(action: Action, region: Region, left: Region, before: readonly Entry[]): Reach['dead'] {
    if (region === NONE) return { kind: 'unreachable', message: 'no call meets its conditions' };
    const refused = letsThrough(action) ? this.#refusing(region) : undefined;
    if (refused !== undefined) return { kind: 'unreachable', message: `every policy refuses such calls: ${refused}` };
    if (this.#regions.and(region, left) !== NONE) return undefined;
    const calls = new Set(before.map(({ origin }) => origin.call));
    return { kind: 'shadowed', message: `${[...calls].join(', ')} before it decides every such call` };
  }

  /** Why all of it is refused, whatever a policy says. */
  #refusing(region: Region): string | undefined {
    let left = region;
    for (const { when, why } of inForce('gate', this.#syscall)) {
      left = when === undefined ? NONE : this.#regions.minus(left, this.#regions.of(when));
      if (left === NONE) return why;
    }
    return undefined;
  }

  /** Each answer that the rule has, with the calls that get it; what it passes on is none. */
  #answers(rule: Rule): ReadonlyMap<Action, Region> {
    const found = new Map<string, readonly [Action, Region]>();
    const visit = (part: Rule, within: Region): void => {
      if (isChoice(part)) {
        const holds = this.#regions.of(part.condition);
        visit(part.then, this.#regions.and(within, holds));
        visit(part.otherwise, this.#regions.minus(within, holds));
      } else if (part.kind !== 'pass') {
        const [action, region] = found.get(printExpression(part)) ?? [part, NONE];
        found.set(printExpression(part), [action, this.#regions.or(region, within)]);
      }
    };
    visit(rule, ALL);
    return new Map(found.values());
  }
}
