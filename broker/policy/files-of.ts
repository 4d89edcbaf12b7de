import { PolicyError } from './errors.js';
import { callOfFiles, type FileStatement } from './file-statements.js';
import type { FilesystemPolicy } from './filesystem.js';
import { gatherFiles } from './filesystem-draft.js';

/**
 * What statements about files come to by themselves.
 *
 * @throws PolicyError
 */
export function filesOf(name: string, statements: readonly FileStatement[]): FilesystemPolicy {
  const stated = statements.map((statement) => ({ statement, origin: { call: callOfFiles(statement) } }));
  const { filesystem, problems } = gatherFiles(stated, ({ call }) => call);
  if (problems.length > 0) throw new PolicyError(name, problems);
  return filesystem;
}
