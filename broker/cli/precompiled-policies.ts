import type { Precompiled } from '../policy/precompiled.js';

/** What `usualPolicy()` would compile, by architecture. In the bundle it is here, put in by scripts/bundle-cli.mjs. */
export const PRECOMPILED: Readonly<Record<number, Precompiled>> = {};
