import { PolicyBuilder } from './builder.js';
import type { PathDenial, PresetName } from './definition.js';
import { presetOf } from './preset-list.js';
import { type Architecture, isArchitecture } from './syscalls/index.js';

export interface NodePolicyOptions {
  /**
   * Paths are answered ENOENT. `report` (default): and reported as a denial. `kill`: the sandboxee ends, unless the path
   * is one that Node looks for by itself.
   */
  readonly onDenied?: PathDenial;
  /** Default: this host's. */
  readonly arch?: Architecture;
}

const OPTION_NAMES = ['onDenied', 'arch'];

/** Builders to start from; every call on one of them makes a new builder. */
export const policies = {
  /** Node with everything that it does without a file, a socket or a process of its own. */
  node(options: NodePolicyOptions = {}): PolicyBuilder {
    return preset('node', options);
  },

  /** The same for `node --jitless`: after the gate no memory becomes executable. No WebAssembly, and so no fetch. */
  nodeJitless(options: NodePolicyOptions = {}): PolicyBuilder {
    return preset('nodeJitless', options);
  },
} as const;

function preset(name: PresetName, options: NodePolicyOptions): PolicyBuilder {
  const problems = problemsOf(options).map((message) => ({ call: `policies.${name}()`, message }));
  const arch = options.arch !== undefined && isArchitecture(options.arch) ? options.arch : undefined;
  return new PolicyBuilder({ preset: presetOf(name), arch, onPathDenial: options.onDenied, problems });
}

function problemsOf(options: NodePolicyOptions): string[] {
  const { onDenied = 'report', arch } = options;
  const unknown = Object.keys(options).filter((name) => !OPTION_NAMES.includes(name));
  return [
    ...unknown.map((name) => `no such option '${name}'; there are ${OPTION_NAMES.join(', ')}`),
    ...(onDenied === 'report' || onDenied === 'kill' ? [] : [`onDenied is 'report' or 'kill', not '${onDenied}'`]),
    ...(arch === undefined || isArchitecture(arch) ? [] : [`arch ${arch} is none that is known here`]),
  ];
}
