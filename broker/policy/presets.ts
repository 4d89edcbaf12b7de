import { PolicyBuilder } from './builder.js';
import type { Entry, PathDenial } from './draft.js';
import { harmlessNodePaths } from './node-probes.js';
import { ABORT, BASE, CHANNEL, JIT, JITLESS, PATHS, type Row, THREADS } from './preset-tables.js';
import type { Architecture } from './syscalls/index.js';

export interface NodePolicyOptions {
  /**
   * Paths are answered ENOENT. `report` (default): and reported as a denial. `kill`: the sandboxee ends, unless the path
   * is one that Node looks for by itself.
   */
  readonly onDenied?: PathDenial;
  /** Default: this host's. */
  readonly arch?: Architecture;
}

const COMMON: readonly Row[] = [...BASE, ...THREADS, ...ABORT, ...CHANNEL, ...PATHS];

/** Builders to start from; every call on one of them makes a new builder. */
export const policies = {
  /** Node with everything that it does without a file, a socket or a process of its own. */
  node(options: NodePolicyOptions = {}): PolicyBuilder {
    return preset('node', [...COMMON, ...JIT], options);
  },

  /** The same for `node --jitless`: after the gate no memory becomes executable. No WebAssembly, and so no fetch. */
  nodeJitless(options: NodePolicyOptions = {}): PolicyBuilder {
    return preset('nodeJitless', [...COMMON, ...JITLESS], options);
  },
} as const;

function preset(name: string, rows: readonly Row[], { onDenied = 'report', arch }: NodePolicyOptions): PolicyBuilder {
  const entries = rows.map<Entry>(({ syscalls, rule }) => ({ call: `policies.${name}()`, syscalls, rule }));
  const builder = new PolicyBuilder({ name, preset: entries, ...(arch === undefined ? {} : { arch }) });
  return builder.onPathDenial(onDenied, harmlessNodePaths());
}
