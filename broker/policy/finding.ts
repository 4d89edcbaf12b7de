/**
 * - `dangerous`: it grants what deserves a second look.
 * - `unreachable`: no call meets its conditions, or every policy refuses those that do.
 * - `shadowed`: rules before it decide every call that it is about.
 */
export type FindingKind = 'dangerous' | 'unreachable' | 'shadowed';

export interface Finding {
  readonly kind: FindingKind;
  /** The builder's call, or the path into the document. */
  readonly call: string;
  readonly message: string;
}
