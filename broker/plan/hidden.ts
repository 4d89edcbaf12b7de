import type { Dirent } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../protocols/error-code.js';
import { PlanError } from './errors.js';
import { isAbsent } from './mount-collector.js';

/** A larger folder is hardly a program's own, and each launch walks it. */
const MOST_ENTRIES = 50_000;

/**
 * What must not be seen of a program's folder: `.env*` and `.git`, at any depth, but for `node_modules`, which is not
 * entered. A folder that cannot be read is hidden whole. Symlinks are not followed; the target of a `.env*` one is hidden.
 *
 * @returns real paths
 */
export async function findHidden(folder: string): Promise<string[]> {
  const hidden: string[] = [];
  let entries = 0;
  for (let level = [folder]; level.length > 0; ) {
    const lists = await Promise.all(level.map(readFolder));
    const next: string[] = [];
    for (const [index, list] of lists.entries()) {
      if (list === 'unreadable') {
        hidden.push(...level.slice(index, index + 1));
        continue;
      }
      entries += list.length;
      for (const entry of list) {
        const path = join(entry.parentPath, entry.name);
        if (isSecret(entry.name)) hidden.push(...(await realPlace(path, entry)));
        else if (entry.isDirectory() && entry.name !== 'node_modules') next.push(path);
      }
    }
    if (entries > MOST_ENTRIES) {
      throw new PlanError(
        `${folder} holds more than ${MOST_ENTRIES} files, all of which the sandboxee would see; move the program to a folder of its own`,
      );
    }
    level = next;
  }
  return hidden;
}

function isSecret(name: string): boolean {
  return name.startsWith('.env') || name === '.git';
}

async function realPlace(path: string, entry: Dirent): Promise<string[]> {
  if (!entry.isSymbolicLink()) return [path];
  try {
    return [await realpath(path)];
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

async function readFolder(path: string): Promise<Dirent[] | 'unreadable'> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) return [];
    if (errorCode(error) === 'EACCES') return 'unreadable';
    throw error;
  }
}
