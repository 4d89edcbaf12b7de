/** How two policies differ: not in their words, but in what they do with a call. */

import { type Expression, isChoice } from './bpf/nodes.js';
import { printExpression } from './bpf/printer.js';
import { ALL, contains, exampleOf, NONE, type Region, Regions, TooIntricate } from './bpf/regions.js';
import { decisionOf } from './decision.js';
import type { Definition } from './definition.js';
import { type FileChange, fileChanges } from './diff-files.js';
import { pathSettingsOf } from './path-settings.js';
import { describeRequest } from './requests.js';
import { argumentShapes } from './syscalls/arguments.js';
import { architectureName, type SyscallName, syscallTable } from './syscalls/index.js';

/** A syscall of which the policies do not say the same. */
export interface SyscallChange {
  readonly syscall: SyscallName;
  /** The second allows calls that the first refuses; and the other way round. Neither: they refuse in different ways. */
  readonly allowsMore: boolean;
  readonly allowsLess: boolean;
  /** A call of which they differ, and what each says of it. `undefined`: the rules are too intricate to find one. */
  readonly example: { readonly call: string; readonly before: string; readonly after: string } | undefined;
  /** Everything that each says of the syscall. */
  readonly before: string;
  readonly after: string;
}

/** Another setting. */
export interface SettingChange {
  readonly setting:
    | 'arch'
    | 'onPathDenial'
    | 'harmlessPaths'
    | 'writableRoot'
    | 'hostname'
    | 'workingDirectory'
    | 'network'
    | 'writeExecutable';
  readonly before: string;
  readonly after: string;
}

/** What changes when the first policy is replaced by the second. */
export class PolicyDiff {
  readonly before: string;
  readonly after: string;
  readonly syscalls: readonly SyscallChange[];
  readonly settings: readonly SettingChange[];
  readonly files: readonly FileChange[];

  /** @internal */
  constructor(first: Definition, second: Definition) {
    this.before = first.name;
    this.after = second.name;
    this.settings = settingChanges(first, second);
    this.files = fileChanges(first.filesystem, second.filesystem);
    this.syscalls = first.arch === second.arch ? syscallChanges(first, second) : [];
  }

  /** Every call goes the same way under both, and the same files are there. */
  get isEmpty(): boolean {
    return this.syscalls.length === 0 && this.settings.length === 0 && this.files.length === 0;
  }

  /** `+`: allows more; `-`: allows less; `±`: both; `~`: refuses in another way. */
  toString(): string {
    if (this.isEmpty) return `'${this.before}' and '${this.after}' do the same`;
    return [
      `'${this.before}' → '${this.after}'`,
      ...this.settings.map(({ setting, before, after }) => `~ ${setting}: ${before} → ${after}`),
      ...this.files.map((change) => `${signOf(change)} ${change.path}: ${change.before} → ${change.after}`),
      ...this.syscalls.map(describeChange),
    ].join('\n');
  }
}

function signOf({ allowsMore, allowsLess }: Pick<SyscallChange, 'allowsMore' | 'allowsLess'>): string {
  if (allowsMore) return allowsLess ? '±' : '+';
  return allowsLess ? '-' : '~';
}

function describeChange(change: SyscallChange): string {
  const { syscall, example, before, after } = change;
  const sign = signOf(change);
  if (example === undefined) return `${sign} ${syscall}: ${before} → ${after}`;
  return `${sign} ${example.call}: ${example.before} → ${example.after}`;
}

function settingChanges(first: Definition, second: Definition): readonly SettingChange[] {
  const [before, after] = [pathSettingsOf(first), pathSettingsOf(second)];
  const changes: readonly SettingChange[] = [
    { setting: 'arch', before: architectureName(first.arch), after: architectureName(second.arch) },
    { setting: 'onPathDenial', before: consequence(before), after: consequence(after) },
    { setting: 'harmlessPaths', before: list(before.harmlessPaths), after: list(after.harmlessPaths) },
    ...FILE_SETTINGS.map((setting) => ({
      setting,
      before: said(first.filesystem[setting]),
      after: said(second.filesystem[setting]),
    })),
  ];
  return changes.filter((change) => change.before !== change.after);
}

const FILE_SETTINGS = ['writableRoot', 'hostname', 'workingDirectory', 'network', 'writeExecutable'] as const;

function said(value: string | number | boolean | undefined): string {
  return value === undefined ? 'not said' : String(value);
}

function consequence({ pathDenialIsViolation }: { readonly pathDenialIsViolation: boolean }): string {
  return pathDenialIsViolation ? 'kill' : 'report';
}

function list(paths: readonly string[]): string {
  return [...new Set(paths)].sort().join(' ') || 'none';
}

function syscallChanges(first: Definition, second: Definition): readonly SyscallChange[] {
  return [...syscallTable(first.arch).names()].flatMap((syscall) => {
    const before = decisionOf(first, syscall);
    const after = decisionOf(second, syscall);
    if (printExpression(before) === printExpression(after)) return [];
    const change = compare(first, syscall, before, after);
    return change === undefined ? [] : [change];
  });
}

/** `undefined`: they say the same in other words. */
function compare(
  { arch }: Definition,
  syscall: SyscallName,
  before: Expression,
  after: Expression,
): SyscallChange | undefined {
  const texts = { syscall, before: printExpression(before), after: printExpression(after) };
  try {
    const regions = new Regions();
    const [old, now] = [byAction(regions, before), byAction(regions, after)];
    const [allowedBefore, allowedAfter] = [old.get('allow') ?? NONE, now.get('allow') ?? NONE];
    const more = regions.minus(allowedAfter, allowedBefore);
    const less = regions.minus(allowedBefore, allowedAfter);
    const same = [...old].reduce<Region>(
      (region, [action, where]) => regions.or(region, regions.and(where, now.get(action) ?? NONE)),
      NONE,
    );
    const differing = more !== NONE ? more : less !== NONE ? less : regions.not(same);
    const args = exampleOf(differing);
    if (args === undefined) return undefined;
    const isWhole = differing === ALL;
    const at = (where: ReadonlyMap<string, Region>): string =>
      [...where].find(([, region]) => contains(region, args))?.[0] ?? '';
    const call = isWhole
      ? syscall
      : describeRequest({ syscall, args: args.slice(0, argumentShapes(syscall)?.length) }, arch);
    const example = { call, before: at(old), after: at(now) };
    return { ...texts, allowsMore: more !== NONE, allowsLess: less !== NONE, example };
  } catch (error) {
    if (!(error instanceof TooIntricate)) throw error;
    return { ...texts, allowsMore: true, allowsLess: true, example: undefined };
  }
}

/** For which calls each action comes, by its text. */
function byAction(regions: Regions, expression: Expression): ReadonlyMap<string, Region> {
  const found = new Map<string, Region>();
  const visit = (part: Expression, within: Region): void => {
    if (within === NONE) return;
    if (!isChoice(part)) {
      const text = printExpression(part);
      found.set(text, regions.or(found.get(text) ?? NONE, within));
      return;
    }
    const holds = regions.of(part.condition);
    visit(part.then, regions.and(within, holds));
    visit(part.otherwise, regions.minus(within, holds));
  };
  visit(expression, ALL);
  return found;
}
