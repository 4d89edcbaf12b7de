/**
 * What a policy gives only to those who name the danger. A token is a value of its own type, so that it cannot be
 * passed by accident, and a search for `dangerously` finds every use. A document writes its name.
 */

/** Memory that is executable: whoever writes a byte too far runs code of their own, which every exploit begins with. */
export const dangerouslyAllowExecutableMemory = Symbol('dangerouslyAllowExecutableMemory');

/** Every syscall that no rule mentions and that no policy refuses: what the sandboxee may reach is the whole kernel. */
export const dangerouslyAllowAllSyscalls = Symbol('dangerouslyAllowAllSyscalls');

/**
 * For debugging: every syscall that no rule decides and that no policy refuses goes on, executable memory included, and is
 * reported as the event `permitted`. What is left is a filter that watches.
 */
export const dangerouslyPermitAllAndLog = Symbol('dangerouslyPermitAllAndLog');

/** Every syscall that no rule decides and that no policy refuses is left to the hook `trace` of `launch()`. */
export const traceAllSyscalls = Symbol('traceAllSyscalls');

export type PermitAll = typeof dangerouslyPermitAllAndLog;
export type TraceAll = typeof traceAllSyscalls;
/** The host's network: whatever listens on its addresses, its localhost above all, is there for the sandboxee. */
export const dangerouslyAllowUnrestrictedNetworking = Symbol('dangerouslyAllowUnrestrictedNetworking');

/** Files that are writable and can be run: a way around every rule about executable memory. */
export const dangerouslyAllowWriteExecutable = Symbol('dangerouslyAllowWriteExecutable');

export type ExecutableMemory = typeof dangerouslyAllowExecutableMemory;
export type AllSyscalls = typeof dangerouslyAllowAllSyscalls;
export type UnrestrictedNetworking = typeof dangerouslyAllowUnrestrictedNetworking;
export type WriteExecutable = typeof dangerouslyAllowWriteExecutable;

/** The tokens by the names that a document has for them, and what each is the danger of. */
export const TOKENS = {
  dangerouslyAllowExecutableMemory: {
    token: dangerouslyAllowExecutableMemory,
    danger: 'memory that is executable is what every exploit begins with',
  },
  dangerouslyAllowAllSyscalls: {
    token: dangerouslyAllowAllSyscalls,
    danger: 'every syscall that no rule mentions is allowed, those of kernels to come excepted',
  },
  dangerouslyPermitAllAndLog: {
    token: dangerouslyPermitAllAndLog,
    danger: 'every syscall that no rule decides goes on, executable memory included: the filter only logs',
  },
  dangerouslyAllowUnrestrictedNetworking: {
    token: dangerouslyAllowUnrestrictedNetworking,
    danger: 'whatever listens on the host is there for the sandboxee, on localhost too',
  },
  dangerouslyAllowWriteExecutable: {
    token: dangerouslyAllowWriteExecutable,
    danger: 'what the sandboxee has written it can run, and map as code',
  },
} as const;

export type TokenName = keyof typeof TOKENS;

/** What `defaultAction` takes in place of an action, by the names that a document has for them. */
export const DEFAULT_TOKENS = [
  { name: 'dangerouslyAllowAllSyscalls', token: dangerouslyAllowAllSyscalls },
  { name: 'dangerouslyPermitAllAndLog', token: dangerouslyPermitAllAndLog },
  { name: 'traceAllSyscalls', token: traceAllSyscalls },
] as const;
export function tokenName(token: symbol): TokenName | undefined {
  return TOKEN_NAMES.find((name) => TOKENS[name].token === token);
}

const TOKEN_NAMES = Object.keys(TOKENS) as TokenName[];
