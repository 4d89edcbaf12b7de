import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeGroup } from './files.js';
import { FOLDER, isAbandoned } from './names.js';
import { basesOf, hierarchies } from './places.js';

let swept = false;

/**
 * Removes, once, the groups that killed brokers have left. Their processes are gone with their broker. Never throws: what is
 * not removed now is for the next broker.
 */
export function sweepOnce(): void {
  if (swept) return;
  swept = true;
  try {
    for (const folder of groupFolders()) {
      for (const name of namesIn(folder)) {
        if (isAbandoned(name)) tryToRemove(join(folder, name));
      }
    }
  } catch {}
}

/** Every folder in which this broker's groups could be, in any tree. */
export function groupFolders(): string[] {
  return [...new Set(hierarchies().flatMap(basesOf))].map((base) => join(base, FOLDER));
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Another user's is not ours to remove, nor in our way. */
function tryToRemove(group: string): void {
  try {
    removeGroup(group);
  } catch {}
}
