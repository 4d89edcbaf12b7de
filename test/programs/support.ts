import {
  type LaunchOptions,
  launch,
  type ProgramOptions,
  policies,
  program,
  type Sandboxee,
} from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { demandedTier } from '../support/tier.js';

export const STATIC_POLICY = policies.staticBinary().build();

/** test/native/guest.c, told what to do by its arguments. */
export function launchGuest(
  words: readonly string[],
  executor: ProgramOptions = {},
  options: Partial<LaunchOptions> = {},
): Promise<Sandboxee> {
  return launch(program(attackProgram('guest'), { ...executor, args: words }), {
    policy: STATIC_POLICY,
    limits: { wallTime: 20_000 },
    ...demandedTier,
    ...options,
  });
}
