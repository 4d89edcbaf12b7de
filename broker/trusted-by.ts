import { packageRoot } from '../native/locate.js';
import type { Executor } from './executor.js';
import { type Trusted, trustedPlaces } from './plan/trusted.js';

/**
 * The broker's program, which the host runs again, and the sandboxee's: a Node program is trusted until its gate.
 *
 * @param places what the launch names besides
 */
export function trustedBy(executor: Executor, places: readonly string[]): Trusted {
  const isNode = executor.kind === 'node';
  return trustedPlaces({
    executables: [process.execPath, ...(isNode ? [executor.execPath] : pathsOf(executor.file))],
    scripts: [...process.argv.slice(1, 2), ...(isNode ? [executor.script] : [])],
    places: [packageRoot(), ...places],
  });
}

function pathsOf(file: Extract<Executor, { kind: 'program' }>['file']): readonly string[] {
  if (file.kind === 'fd') return [];
  return [file.path, ...(file.interpreter === undefined ? [] : [file.interpreter.path])];
}
