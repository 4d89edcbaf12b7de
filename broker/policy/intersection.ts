import type { Definition, IntersectionPolicy } from './definition.js';
import { PolicyError } from './errors.js';
import { intersectFiles } from './filesystem-intersection.js';
import { architectureName } from './syscalls/index.js';

/** Throws `PolicyError` where the policies are for different architectures. */
export function intersectionOf(parts: readonly Definition[], name?: string): IntersectionPolicy {
  const full = name ?? parts.map((part) => part.name).join(' ∩ ');
  const [first] = parts;
  if (first === undefined) throw new Error('an intersection has parts');
  const other = parts.find(({ arch }) => arch !== first.arch);
  if (other === undefined) {
    const filesystem = parts.map((part) => part.filesystem).reduce(intersectFiles);
    return { kind: 'intersection', name: full, arch: first.arch, parts, filesystem };
  }
  const message = `'${first.name}' is for ${architectureName(first.arch)}, '${other.name}' for ${architectureName(other.arch)}`;
  throw new PolicyError(full, [{ call: `intersect('${other.name}')`, message }]);
}
