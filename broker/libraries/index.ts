import type { Fd } from '../../protocols/fd.js';
import { launch } from '../launch.js';
import type { LibraryOptions } from '../policy/index.js';
import { findLibraries } from './find.js';

/**
 * What `addLibrariesForBinary()` of a policy finds at launch, now: for `addFile()`, or for a binary that is only an fd. The
 * binary is parsed in a sandboxee.
 *
 * @returns paths, by the names that a loader looks for
 * @throws PlanError where the binary is none, or a library is missing
 */
export async function librariesOf(binary: string | Fd, options: LibraryOptions = {}): Promise<readonly string[]> {
  const found = await findLibraries(binary, options, launch);
  return found.map(({ path }) => path);
}
