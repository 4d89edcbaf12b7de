import { type Policy, policies } from '../policy/index.js';

/** What `run` allows where no other policy is named, with all of its rules. */
export function usualRules(): Policy {
  return policies.commandLine().build();
}
