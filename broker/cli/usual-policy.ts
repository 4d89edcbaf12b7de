import { hostArchitecture, type Policy, policies } from '../policy/index.js';
import { revive } from '../policy/precompiled.js';
import { PRECOMPILED } from './precompiled-policies.js';

/** What `run` allows where no other policy is named. */
export function usualPolicy(): Policy {
  const known = PRECOMPILED[hostArchitecture()];
  const make = (): Policy => policies.commandLine().build();
  return known === undefined ? make() : revive(known, make);
}
