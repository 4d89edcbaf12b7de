import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package root, from dist/test/support. */
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const sources = join(root, 'test/native');
const output = join(sources, 'build');

/** Compiles test/native/NAME.c as an addon for the attacker's side, unless it is there already; its path. */
export function attackAddon(name = 'attack'): string {
  const include = resolve(process.execPath, '../../include/node');
  return compile(name, `${name}.node`, ['-shared', '-fPIC', `-I${include}`]);
}

/** Compiles test/native/NAME.c as a program; its path. */
export function attackProgram(name: string, flags: readonly string[] = ['-static']): string {
  return compile(name, name, flags);
}

function compile(name: string, target: string, flags: readonly string[]): string {
  const source = join(sources, `${name}.c`);
  const binary = join(output, target);
  if (existsSync(binary) && statSync(binary).mtimeMs >= statSync(source).mtimeMs) return binary;
  mkdirSync(output, { recursive: true });
  execFileSync('cc', ['-O1', '-Wall', '-Wextra', '-pthread', ...flags, source, '-o', binary], { stdio: 'inherit' });
  return binary;
}
