import type { Entry, Preset, PresetName } from './definition.js';
import { harmlessNodePaths } from './node-probes.js';
import { ABORT, BASE, CHANNEL, JIT, JITLESS, PATHS, type Row, THREADS } from './preset-tables.js';

const COMMON: readonly Row[] = [...BASE, ...THREADS, ...ABORT, ...CHANNEL, ...PATHS];

const ROWS: Readonly<Record<PresetName, readonly Row[]>> = {
  node: [...COMMON, ...JIT],
  nodeJitless: [...COMMON, ...JITLESS],
};

export const PRESET_NAMES = Object.keys(ROWS) as PresetName[];

/** The builder `policies.NAME()` starts from it, and a document by `"preset": "NAME"`. */
export function presetOf(name: PresetName): Preset {
  const call = `policies.${name}()`;
  const entries = ROWS[name].map(({ why, ...part }): Entry => ({ ...part, origin: { call, why } }));
  return { name, entries, harmlessPaths: harmlessNodePaths() };
}
