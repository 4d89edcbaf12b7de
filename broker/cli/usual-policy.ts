import { hostArchitecture, type Policy } from '../policy/index.js';
import { revive } from '../policy/precompiled.js';
import { PRECOMPILED } from './precompiled-policies.js';
import { usualRules } from './usual-rules.js';

/** `usualRules()`, without working them out where they have been. */
export function usualPolicy(): Policy {
  const known = PRECOMPILED[hostArchitecture()];
  return known === undefined ? usualRules() : revive(known, usualRules);
}
