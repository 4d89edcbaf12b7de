import type { FuzzTarget } from './target.js';
import { calls } from './targets/calls.js';
import { codecs } from './targets/codecs.js';
import { elfNeeds } from './targets/elf-needs.js';
import { explainRequest } from './targets/explain-request.js';
import { frames } from './targets/frames.js';
import { msgpack } from './targets/msgpack.js';
import { policyDocument } from './targets/policy-document.js';
import { rawBpf } from './targets/raw-bpf.js';
import { stackTables } from './targets/stack-tables.js';

/** Those of JavaScript. The native ones are in scripts/fuzz-native.mjs. */
export const targets: readonly FuzzTarget[] = [
  calls,
  frames,
  codecs,
  msgpack,
  policyDocument,
  rawBpf,
  explainRequest,
  elfNeeds,
  stackTables,
];

export function targetNamed(name: string): FuzzTarget {
  const found = targets.find((target) => target.name === name);
  if (found === undefined)
    throw new Error(`there is no target ${name}: ${targets.map((each) => each.name).join(', ')}`);
  return found;
}
