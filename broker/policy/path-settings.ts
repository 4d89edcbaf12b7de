/** What a denied path leads to. */
import type { Definition } from './definition.js';

export interface PathSettings {
  readonly pathDenialIsViolation: boolean;
  /** Exact paths, or beginnings of paths where they end with `*`. */
  readonly harmlessPaths: readonly string[];
}

/** Of an intersection: a violation where any part says so, and harmless only where every such part does. */
export function pathSettingsOf(definition: Definition): PathSettings {
  if (definition.kind === 'rules') {
    const { pathDenialIsViolation, harmlessPaths } = definition;
    return { pathDenialIsViolation, harmlessPaths };
  }
  const parts = definition.parts.map(pathSettingsOf);
  const strict = parts.filter(({ pathDenialIsViolation }) => pathDenialIsViolation);
  const lists = (strict.length > 0 ? strict : parts).map(({ harmlessPaths }) => harmlessPaths);
  return { pathDenialIsViolation: strict.length > 0, harmlessPaths: lists.reduce(patternsInBoth) };
}

function patternsInBoth(first: readonly string[], second: readonly string[]): readonly string[] {
  const both = first.flatMap((a) => second.flatMap((b) => (covers(a, b) ? [b] : covers(b, a) ? [a] : [])));
  return [...new Set(both)];
}

/** Whether every path that `other` stands for is one of the pattern's. */
export function covers(pattern: string, other: string): boolean {
  if (!pattern.endsWith('*')) return pattern === other;
  const beginning = pattern.slice(0, -1);
  return other.endsWith('*') ? other.slice(0, -1).startsWith(beginning) : other.startsWith(beginning);
}

/** What is wrong with a path or a beginning of paths, if anything is. */
export function problemOfPath(path: string): string | undefined {
  const sound = path.startsWith('/') && !/\*./.test(path) && !path.includes('\0');
  return sound ? undefined : `'${path}' is no absolute path, and no beginning of paths that ends with *`;
}
