import type { LaunchOptions, Tier } from '../../broker/index.js';

/** The tier that this run of the suite is about: SALLYPORT_TEST_TIER=base, else full. */
export const tierUnderTest: Tier = process.env.SALLYPORT_TEST_TIER === 'base' ? 'base' : 'full';

/** For every launch of a test that does not choose by itself. */
export const demandedTier: Pick<LaunchOptions, 'tier'> = { tier: tierUnderTest };

/** Without a user namespace an ordinary user has neither a bounding set to empty nor a count of processes to itself. */
export const isUserInBase = tierUnderTest === 'base' && process.geteuid?.() !== 0;

/** For a test that the tier base makes pointless: skips it there, and prints why. */
export function needsNamespaces(test: Mocha.Context, why: string): void {
  if (tierUnderTest === 'full') return;
  console.log(`      not in base: ${why}`);
  test.skip();
}

/** The same for a whole suite. */
export function onlyWithNamespaces(why: string): void {
  before(function () {
    needsNamespaces(this, why);
  });
}
