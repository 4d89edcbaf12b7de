import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Rule } from './judge.js';

/** Writes what iptables-restore, ip6tables-restore and apparmor_parser read; the paths of what was written. */
export function writeRules(folder: string, rules: readonly Rule[]): readonly string[] {
  mkdirSync(folder, { recursive: true });
  return [...filesOf(rules)].map(([name, text]) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  });
}

function filesOf(rules: readonly Rule[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const family of [4, 6] as const) {
    const lines = rules.flatMap((rule) => (rule.kind === 'iptables' && rule.family === family ? [rule.line] : []));
    if (lines.length > 0) files.set(family === 4 ? 'iptables.rules' : 'ip6tables.rules', table(lines));
  }
  const profiles = new Set(rules.flatMap((rule) => (rule.kind === 'apparmor' ? [rule.profile] : [])));
  for (const profile of profiles) {
    const lines = rules.flatMap((rule) => (rule.kind === 'apparmor' && rule.profile === profile ? [rule.line] : []));
    // The local part of a profile, which the distribution's own includes.
    files.set(`apparmor.local.${profile.replace(/^\//, '').replaceAll('/', '.')}`, `${lines.sort().join('\n')}\n`);
  }
  return files;
}

function table(lines: readonly string[]): string {
  return ['*filter', ...lines, 'COMMIT', ''].join('\n');
}
