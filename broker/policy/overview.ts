/** A whole policy on a page. */
import { answersOf } from './answers.js';
import { type Expression, isChoice, leaves, letsThrough } from './bpf/nodes.js';
import { decisionOf } from './decision.js';
import type { Definition } from './definition.js';
import { describeOrigin, type LineOf } from './explain.js';
import { describeFiles } from './filesystem-wording.js';
import { pathSettingsOf } from './path-settings.js';
import { whyRefusedAltogether } from './refused.js';
import { architectureName, type SyscallName, syscallTable } from './syscalls/index.js';
import { wordAction } from './wording.js';

/** Lists are lines of at most 100 columns. */
export function overviewOf(definition: Definition, lineOf: LineOf = () => undefined): string {
  const groups = new Map<string, SyscallName[]>();
  for (const name of syscallTable(definition.arch).names()) {
    const title = titleOf(decisionOf(definition, name), name);
    const group = groups.get(title) ?? [];
    groups.set(title, group);
    group.push(name);
  }
  const { pathDenialIsViolation } = pathSettingsOf(definition);
  return [
    `policy '${definition.name}' for ${architectureName(definition.arch)}`,
    ...(pathDenialIsViolation ? ['  a denied path is a violation, unless it is harmless'] : []),
    ...rulesOf(definition, lineOf),
    ...describeFiles(definition.filesystem),
    ...[...groups].sort(byTitle).map(([title, names]) => `  ${title}:\n${listed(title, names)}`),
  ].join('\n');
}

/** What the author says, in the order in which it is asked. */
function rulesOf(definition: Definition, lineOf: LineOf): readonly string[] {
  if (definition.kind === 'intersection') {
    const names = definition.parts.map(({ name }) => `'${name}'`);
    return [`  what all of these allow: ${names.join(', ')}`];
  }
  const { stated, preset } = definition.draft;
  const own = stated.map(({ origin }) => `    ${describeOrigin(origin, lineOf)}`);
  const base = preset === undefined ? [] : [`    policies.${preset.name}()`];
  return own.length + base.length === 0 ? [] : ['  rules:', ...own, ...base];
}

const ALLOWED = 'allowed';
const SOMETIMES = 'allowed for some arguments';
const UNLISTED = 'everything else';
const REFUSED = 'refused by every policy';
const ORDER = [ALLOWED, SOMETIMES];

function titleOf(decision: Expression, name: SyscallName): string {
  const [open, ...others] = [...new Set(leaves(decision).filter(letsThrough).map(wordAction))];
  if (open !== undefined) {
    const title = others.length > 0 ? [open, ...others].join(', or ') : open;
    return isChoice(decision) ? `${title} for some arguments` : title;
  }
  if (isChoice(decision)) return 'refused in more ways than one';
  const [answer] = answersOf(decision);
  if (answer?.kind !== 'violation') return wordAction(decision);
  return whyRefusedAltogether(name) === undefined ? UNLISTED : REFUSED;
}

/** What is allowed comes first, and what is not mentioned last. */
function byTitle([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  const rank = (title: string): number => {
    if (ORDER.includes(title)) return ORDER.indexOf(title);
    return title === REFUSED ? 8 : title === UNLISTED ? 9 : 5;
  };
  return rank(a) - rank(b);
}

const WIDTH = 100;

function listed(title: string, names: readonly SyscallName[]): string {
  if (title === UNLISTED) return '    a violation: it ends the sandboxee';
  const lines = [''];
  for (const [index, name] of [...names].sort().entries()) {
    const word = `${name}${index < names.length - 1 ? ',' : ''}`;
    const line = lines.pop() ?? '';
    if (line === '') lines.push(`    ${word}`);
    else if (line.length + word.length < WIDTH) lines.push(`${line} ${word}`);
    else lines.push(line, `    ${word}`);
  }
  return lines.join('\n');
}
