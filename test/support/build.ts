import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package root, from dist/test/support. */
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const tests = join(root, 'test/native');
const benches = join(root, 'bench/native');

/** Compiles test/native/NAME.c as an addon for the attacker's side, unless it is there already; its path. */
export function attackAddon(name = 'attack'): string {
  const include = resolve(process.execPath, '../../include/node');
  return compile(tests, name, `${name}.node`, ['-shared', '-fPIC', `-I${include}`]);
}

/** Compiles test/native/NAME.c as a program of that name or of `target`'s; its path. */
export function attackProgram(name: string, flags: readonly string[] = ['-static'], target = name): string {
  return compile(tests, name, target, flags);
}

/** Compiles test/native/NAME.c as a library to be preloaded; its path. */
export function preloadLibrary(name: string): string {
  return compile(tests, name, `${name}.so`, ['-shared', '-fPIC', '-ldl']);
}

/** Compiles bench/native/NAME.c as a program; its path. */
export function benchProgram(name: string): string {
  return compile(benches, name, name, ['-static']);
}

function compile(sources: string, name: string, target: string, flags: readonly string[]): string {
  const output = join(sources, 'build');
  const source = join(sources, `${name}.c`);
  const binary = join(output, target);
  if (existsSync(binary) && statSync(binary).mtimeMs >= statSync(source).mtimeMs) return binary;
  mkdirSync(output, { recursive: true });
  execFileSync('cc', ['-O1', '-Wall', '-Wextra', '-pthread', ...flags, source, '-o', binary], { stdio: 'inherit' });
  return binary;
}
