/** How long the Node preset takes to become a program, in a process that has compiled nothing yet. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from './alternate.js';
import type { Figure } from './gates.js';

const script = fileURLToPath(new URL('./filter-compile.child.js', import.meta.url));

export interface CompileTimes {
  /** Milliseconds. */
  readonly build: number;
  readonly compile: number;
  /** The same policy once more: it is cached. */
  readonly again: number;
  /** The program of another policy that says the same. */
  readonly second: number;
}

export function compileFigures(rounds: number): readonly Figure[] {
  const runs = Array.from({ length: rounds }, (): CompileTimes => {
    return JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' }));
  });
  const figure = (name: string, of: keyof CompileTimes, gate?: number): Figure => {
    return { name, value: median(runs.map((run) => run[of])), gate };
  };
  return [
    figure('compile() in a fresh process', 'compile', 5),
    figure('compile() once more, cached', 'again', 0.1),
    figure('compile() of a second policy', 'second'),
    figure('policies.node().build() before it', 'build'),
  ];
}
