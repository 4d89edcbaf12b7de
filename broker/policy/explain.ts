/** What a policy does with a call, and which rule says so. */
import { arg64, violation } from './bpf/dsl.js';
import type { Action, Condition } from './bpf/nodes.js';
import { errnoName } from './bpf/printer.js';
import { ALL, type Region, Regions } from './bpf/regions.js';
import { type Case, casesOf, type Decider, type Step } from './cases.js';
import type { Definition, Origin } from './definition.js';
import { covers, pathSettingsOf } from './path-settings.js';
import { describeRequest, type ExplainRequest } from './requests.js';
import { type Architecture, architectureName, type SyscallName, syscallTable } from './syscalls/index.js';
import { wordAction, wordCondition } from './wording.js';

export type Effect = 'allowed' | 'errno' | 'denied' | 'violation' | 'killed' | 'traced' | 'permitted';

/** One way in which the call can go. */
export interface Outcome {
  readonly effect: Effect;
  /** What the caller sees: `ENOENT`. */
  readonly errno: string | undefined;
  /** For which arguments, among those that the outcomes before leave; `undefined`: for all of them. */
  readonly when: string | undefined;
  readonly by: Decider;
  /** What becomes of it, in words. */
  readonly text: string;
}

/** Tells the line of a path into the document. */
export type LineOf = (pointer: string) => number | undefined;

export class Explanation {
  readonly syscall: SyscallName;
  /** The call, as far as it is known. */
  readonly request: string;
  /** The first that applies counts. One, where the arguments that matter are known. */
  readonly outcomes: readonly Outcome[];

  /** @internal */
  constructor(syscall: SyscallName, request: string, outcomes: readonly Outcome[]) {
    this.syscall = syscall;
    this.request = request;
    this.outcomes = outcomes;
  }

  toString(lineOf: LineOf = () => undefined): string {
    const several = this.outcomes.length > 1;
    const lines = this.outcomes.flatMap(({ when, text, by }) => {
      const condition = when === undefined ? 'otherwise' : `where ${when}`;
      const says = [text, `  ${describeDecider(by, lineOf)}`];
      if (!several && when === undefined) return says.map((line) => `  ${line}`);
      return [`  ${condition}`, ...says.map((line) => `    ${line}`)];
    });
    return [this.request, ...lines].join('\n');
  }
}

/** Throws `TooIntricate`. */
export function explain(definition: Definition, request: ExplainRequest): Explanation {
  const { arch } = definition;
  const { syscall } = request;
  const described = describeRequest(request, arch);
  if (syscallTable(arch).number(syscall) === undefined) return new Explanation(syscall, described, [absent(arch)]);
  const regions = new Regions();
  const within = regionOf(request, regions);
  const cases = casesOf(definition, syscall, regions, within);
  let left = within;
  const outcomes = cases.map((each): Outcome => {
    const when = stepsInWords(each, left, regions, syscall, arch);
    left = regions.minus(left, each.region);
    return { ...outcomeOf(each.action, definition, request), when, by: each.by };
  });
  return new Explanation(syscall, described, outcomes);
}

function absent(arch: Architecture): Outcome {
  const text = `no syscall of ${architectureName(arch)}: a program there does not know its number`;
  const by: Decider = { kind: 'default', call: 'the architecture' };
  return { effect: 'errno', errno: 'ENOSYS', when: undefined, by, text };
}

function regionOf({ args = [] }: ExplainRequest, regions: Regions): Region {
  return args.reduce<Region>((region, value, index) => {
    if (value === undefined) return region;
    return regions.and(region, regions.of(arg64(index).eq(BigInt.asUintN(64, BigInt(value)))));
  }, ALL);
}

/** What has to hold, and does not already by what is known of the call and by the cases before. */
function stepsInWords(
  { steps }: Case,
  left: Region,
  regions: Regions,
  syscall: SyscallName,
  arch: Architecture,
): string | undefined {
  const words: string[] = [];
  let region = left;
  for (const { condition, holds } of steps.flatMap(apart)) {
    const asked = regions.of(condition);
    const narrower = holds ? regions.and(region, asked) : regions.minus(region, asked);
    if (narrower !== region) words.push(inWords(condition, holds, syscall, arch));
    region = narrower;
  }
  return words.length === 0 ? undefined : words.join(' and ');
}

function inWords(condition: Condition, holds: boolean, syscall: SyscallName, arch: Architecture): string {
  const text = wordCondition(condition, syscall, arch, holds);
  const isChoice = condition.kind === (holds ? 'any' : 'all') && condition.conditions.length > 1;
  return isChoice ? `(${text})` : text;
}

/** All of some conditions are so many steps. */
function apart({ condition, holds }: Step): readonly Step[] {
  if (condition.kind === 'not') return apart({ condition: condition.condition, holds: !holds });
  if (condition.kind !== (holds ? 'all' : 'any')) return [{ condition, holds }];
  return condition.conditions.flatMap((each) => apart({ condition: each, holds }));
}

const MONITOR_EFFECTS = { violation: 'violation', trace: 'traced', permit: 'permitted' } as const;

type Consequence = Pick<Outcome, 'effect' | 'errno' | 'text'>;

function outcomeOf(action: Action, definition: Definition, { path }: ExplainRequest): Consequence {
  const text = wordAction(action);
  switch (action.kind) {
    case 'allow':
      return { effect: 'allowed', errno: undefined, text };
    case 'errno':
      return { effect: 'errno', errno: errnoName(action.errno), text };
    case 'kill-process':
      return { effect: 'killed', errno: undefined, text };
    case 'notify': {
      const { answer } = action;
      if (answer.kind !== 'denial') return { effect: MONITOR_EFFECTS[answer.kind], errno: undefined, text };
      const denied: Consequence = { effect: 'denied', errno: errnoName(answer.errno), text };
      return answer.path === undefined ? denied : pathDenied(denied, definition, path);
    }
  }
}

/** A harmless path gets its errno and nothing else; what another leads to is for the policy to say. */
function pathDenied(denied: Consequence, definition: Definition, path: string | undefined): Consequence {
  const { pathDenialIsViolation, harmlessPaths } = pathSettingsOf(definition);
  const { errno } = denied;
  const isHarmless = path !== undefined && harmlessPaths.some((pattern) => covers(pattern, path));
  if (isHarmless)
    return { effect: 'errno', errno, text: `refused with ${errno}; the path is harmless, so nobody is told` };
  if (!pathDenialIsViolation) return denied;
  if (path !== undefined) return { effect: 'violation', errno: undefined, text: wordAction(violation()) };
  return {
    ...denied,
    text: `refused with ${errno} where the path is harmless, and else a violation: it ends the sandboxee`,
  };
}

/** `allowPipe(), line 4`. */
export function describeOrigin({ call, pointer }: Origin, lineOf: LineOf): string {
  if (pointer === undefined) return call;
  const line = lineOf(pointer);
  return line === undefined ? `${call} at ${pointer}` : `${call}, line ${line}`;
}

/** `by allowPipe(), line 4`; `refused by every policy: …`. */
export function describeDecider({ kind, policy, ...origin }: Decider, lineOf: LineOf = () => undefined): string {
  const reason = origin.why === undefined ? '' : `: ${origin.why}`;
  const part = policy === undefined ? '' : ` of '${policy}'`;
  return `${kind === 'refusal' ? 'refused by' : 'by'} ${describeOrigin(origin, lineOf)}${part}${reason}`;
}
