/**
 * Standard Schema, version 1 (standardschema.dev): what schema libraries agree on, so that any of them can validate a
 * `t.value`, and the types of `t` can be used wherever one of theirs can. Types only.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': StandardProperties<Input, Output>;
}

export interface StandardProperties<Input, Output> {
  readonly version: 1;
  readonly vendor: string;
  readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
  /** Only the type checker sees it. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export type StandardInput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input'];
export type StandardOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output'];
