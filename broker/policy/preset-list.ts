import { COMMAND_LINE } from './command-line-table.js';
import type { Entry, Preset, PresetName } from './definition.js';
import { harmlessNodePaths } from './node-probes.js';
import { ABORT, BASE, CHANNEL, JIT, JITLESS, PATHS, type Row, THREADS } from './preset-tables.js';
import { DYNAMIC, STATIC } from './program-tables.js';

const NODE: readonly Row[] = [...BASE, ...THREADS, ...ABORT, ...CHANNEL, ...PATHS];

interface Table {
  readonly rows: readonly Row[];
  readonly harmlessPaths: readonly string[];
}

const TABLES: Readonly<Record<PresetName, Table>> = {
  node: { rows: [...NODE, ...JIT], harmlessPaths: harmlessNodePaths() },
  nodeJitless: { rows: [...NODE, ...JITLESS], harmlessPaths: harmlessNodePaths() },
  staticBinary: { rows: STATIC, harmlessPaths: [] },
  dynamicBinary: { rows: DYNAMIC, harmlessPaths: [] },
  commandLine: { rows: COMMAND_LINE, harmlessPaths: [] },
};

export const PRESET_NAMES = Object.keys(TABLES) as PresetName[];

/** The builder `policies.NAME()` starts from it, and a document by `"preset": "NAME"`. */
export function presetOf(name: PresetName): Preset {
  const call = `policies.${name}()`;
  const { rows, harmlessPaths } = TABLES[name];
  return { name, entries: rows.map(({ why, ...part }): Entry => ({ ...part, origin: { call, why } })), harmlessPaths };
}
