import { posix } from 'node:path';
import { isBeneath } from '../paths.js';
import { PolicyError } from './errors.js';

/** A path relative to a base as an absolute one. Throws `PolicyError` where it leads out of the base. */
export function anchorPathAbsolute(relative: string, base: string): string {
  const refuse = (message: string): never => {
    throw new PolicyError('path', [{ call: `anchorPathAbsolute('${relative}', '${base}')`, message }]);
  };
  if (typeof relative !== 'string' || relative === '') return refuse('the relative path is empty');
  if (typeof base !== 'string' || !base.startsWith('/')) return refuse('the base is not absolute');
  if (relative.startsWith('/')) return refuse('the path is absolute already');
  if (`${relative}${base}`.includes('\0')) return refuse('a NUL byte would end it early');
  const root = withoutSlash(posix.normalize(base));
  const path = withoutSlash(posix.normalize(`${root}/${relative}`));
  return isBeneath(path, root) ? path : refuse('it leads out of the base');
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
