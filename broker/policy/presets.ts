import { PolicyBuilder } from './builder.js';
import type { PathDenial, PresetName } from './definition.js';
import { presetOf } from './preset-list.js';
import { type Architecture, isArchitecture } from './syscalls/index.js';

export interface PresetOptions {
  /**
   * Paths are answered ENOENT. `report` (default): and reported as a denial. `kill`: the sandboxee ends, unless the path
   * is one that the preset knows to be harmless.
   */
  readonly onDenied?: PathDenial;
  /** Default: this host's. */
  readonly arch?: Architecture;
}

const OPTION_NAMES = ['onDenied', 'arch'];

/** Builders to start from; every call on one of them makes a new builder. */
export const policies = {
  /** Node with everything that it does without a file, a socket or a process of its own. */
  node(options: PresetOptions = {}): PolicyBuilder {
    return preset('node', options);
  },

  /** The same for `node --jitless`: after the gate no memory becomes executable. No WebAssembly, and so no fetch. */
  nodeJitless(options: PresetOptions = {}): PolicyBuilder {
    return preset('nodeJitless', options);
  },

  /** A program in one file, filtered from its first instruction: it computes, and uses what it was given. */
  staticBinary(options: PresetOptions = {}): PolicyBuilder {
    return preset('staticBinary', options);
  },

  /**
   * A program with shared libraries: it may also open, and map executable, what the policy lets it see. Show it its loader and
   * libraries.
   */
  dynamicBinary(options: PresetOptions = {}): PolicyBuilder {
    return preset('dynamicBinary', options);
  },

  /**
   * For programs that know nothing of sallyport: shells, interpreters and tools, with the files that they see, programs
   * that they start, pipes, signals among themselves, and a terminal of their own. No network. What their files are is for
   * mounts and Landlock to say.
   */
  commandLine(options: PresetOptions = {}): PolicyBuilder {
    return preset('commandLine', options);
  },
} as const;

function preset(name: PresetName, options: PresetOptions): PolicyBuilder {
  const problems = problemsOf(options).map((message) => ({ call: `policies.${name}()`, message }));
  const arch = options.arch !== undefined && isArchitecture(options.arch) ? options.arch : undefined;
  return new PolicyBuilder({ preset: presetOf(name), arch, onPathDenial: options.onDenied, problems });
}

function problemsOf(options: PresetOptions): string[] {
  const { onDenied = 'report', arch } = options;
  const unknown = Object.keys(options).filter((name) => !OPTION_NAMES.includes(name));
  return [
    ...unknown.map((name) => `no such option '${name}'; there are ${OPTION_NAMES.join(', ')}`),
    ...(onDenied === 'report' || onDenied === 'kill' ? [] : [`onDenied is 'report' or 'kill', not '${onDenied}'`]),
    ...(arch === undefined || isArchitecture(arch) ? [] : [`arch ${arch} is none that is known here`]),
  ];
}
