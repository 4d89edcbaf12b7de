import { createHash } from 'node:crypto';
import { InvalidArgument } from '../errors.js';
import { escapeText } from '../text.js';
import type { AnyInterface } from './interface.js';

/** Lines of a difference, and characters of each, that an error shows. */
const MOST_LINES = 12;
const MOST_WIDTH = 200;

/**
 * A line for each member of the interface, in the order of their ordinals, and then the same for every interface whose
 * remotes it passes.
 */
export function describeInterface(root: AnyInterface): string {
  const seen = new Map<string, AnyInterface>([[root.name, root]]);
  for (const each of seen.values()) {
    for (const find of each.table.flatMap(({ interfaces }) => interfaces)) {
      const found = find();
      const same = seen.get(found.name);
      if (same === undefined) seen.set(found.name, found);
      else if (same !== found)
        throw new InvalidArgument(`${root.name} passes two interfaces of the name ${found.name}`);
    }
  }
  return [...seen.values()].flatMap(linesOf).join('\n');
}

function linesOf({ name, table }: AnyInterface): string[] {
  return [`interface ${name}`, ...table.map((member) => `  ${member.name} ${member.text()}`)];
}

export function hashOf(description: string): Buffer {
  return createHash('sha256').update(description, 'utf8').digest();
}

/** What to tell of two descriptions that differ. `theirs` is a peer's: bounded and escaped. */
export function describeDifference(ours: string, theirs: string): string {
  const [own, other] = [ours.split('\n'), theirs.split('\n')];
  const [ownSet, otherSet] = [new Set(own), new Set(other)];
  const lines = [
    ...own.filter((line) => !otherSet.has(line)).map((line) => `- here:  ${line.trim()}`),
    ...other.filter((line) => !ownSet.has(line)).map((line) => `+ there: ${line.trim()}`),
  ].map((line) => escapeText(line, { max: MOST_WIDTH }));
  if (lines.length === 0) return 'the same members, in another order';
  if (lines.length <= MOST_LINES) return lines.join('\n');
  return [...lines.slice(0, MOST_LINES), `… and ${lines.length - MOST_LINES} more`].join('\n');
}
