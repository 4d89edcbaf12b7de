import type { Policy } from '../policy/policy.js';
import { policies } from '../policy/presets.js';

/** What `run` allows where no other policy is named, with all of its rules. */
export function usualRules(): Policy {
  return policies.commandLine().build();
}
