import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The package root, from dist/test/fuzz. */
export const packageRoot = resolve(import.meta.dirname, '../../..');

const folderOf = (target: string): string => join(packageRoot, 'test/fuzz/corpus', target);

export function readCorpus(target: string): readonly Buffer[] {
  const folder = folderOf(target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name)));
}

/** Puts these in the place of what was there. */
export function writeCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const folder = folderOf(target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const input of inputs) writeFileSync(join(folder, nameOf(input)), input);
}

/** Where a find is left: its path. */
export function writeFind(target: string, input: Uint8Array): string {
  const folder = join(packageRoot, 'native/build/fuzz/finds');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${target}-${nameOf(input)}`);
  writeFileSync(path, input);
  return path;
}

function nameOf(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 12);
}
