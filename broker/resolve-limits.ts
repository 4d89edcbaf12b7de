import { OptionError } from './errors.js';
import { LIMIT_RULES, type LimitName, type Limits, type ResolvedLimits } from './limits.js';

const NAMES = Object.keys(LIMIT_RULES) as readonly LimitName[];

/** Fills in the defaults. Throws an `OptionError` for an unknown name, a non-integer or a value out of range. */
export function resolveLimits(limits: Limits = {}): ResolvedLimits {
  for (const name of Object.keys(limits)) {
    if (!Object.hasOwn(LIMIT_RULES, name)) {
      throw new OptionError(`limits.${name}`, `no such limit; there are ${NAMES.join(', ')}`);
    }
  }
  const entries = NAMES.map((name) => [name, checkedLimit(name, limits[name])] as const);
  return Object.fromEntries(entries) as Record<LimitName, number>;
}

/** Throws an `OptionError` for a non-integer or a value out of range; the default for undefined. */
export function checkedLimit(name: LimitName, value: number | undefined): number {
  const rule = LIMIT_RULES[name];
  if (value === undefined) return rule.fallback;
  if (value === Infinity && rule.mayBeInfinite) return value;
  const known = rule.mayBeFraction ? Number.isFinite(value) : Number.isSafeInteger(value);
  if (!known || value < rule.least || value > rule.most) {
    const kind = rule.mayBeFraction ? 'number' : 'whole number';
    throw new OptionError(
      `limits.${name}`,
      `${String(value)} is not a ${kind} of ${rule.unit} from ${rule.least} to ${rule.most}`,
    );
  }
  return value;
}
