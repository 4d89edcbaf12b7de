/** What confinement is made of: see `TierDemand`. */
export type Tier = 'full' | 'base';

/** One confinement mechanism: in force, with how far it goes, or off, with the reason. */
export type Layer =
  | { readonly name: LayerName; readonly state: 'on'; readonly detail: string }
  | { readonly name: LayerName; readonly state: 'off'; readonly reason: string };

export type LayerName =
  | 'user-namespace'
  | 'mount-namespace'
  | 'pid-namespace'
  | 'network-namespace'
  | 'ipc-namespace'
  | 'uts-namespace'
  | 'cgroup-namespace'
  | 'process-tree'
  | 'own-uid'
  | 'capabilities'
  | 'landlock'
  | 'speculation'
  | 'stage-0'
  | 'seccomp'
  | 'verification'
  | 'memory-limit'
  | 'process-limit'
  | 'cpu-limit';

export function on(name: LayerName, detail: string): Layer {
  return { name, state: 'on', detail };
}

export function off(name: LayerName, reason: string): Layer {
  return { name, state: 'off', reason };
}

/** One line for people, e.g. `landlock: ABI 7, …` or `own-uid: off (the broker is not root)`. */
export function describeLayer(layer: Layer): string {
  return layer.state === 'on' ? `${layer.name}: ${layer.detail}` : `${layer.name}: off (${layer.reason})`;
}
