import { RemoteError } from '../errors.js';
import type { FailureCode } from '../schema/members.js';

/**
 * Whether a call failed by a code that its member declares, as in `isFailureOf(error, Thumbnails.members.make)`: `error.code` is
 * then one of these, and a `switch` over it can be complete.
 */
export function isFailureOf<M extends { readonly errors: readonly string[] }>(
  error: unknown,
  member: M,
): error is RemoteError & { readonly code: FailureCode<M> } {
  return error instanceof RemoteError && member.errors.includes(error.code);
}
