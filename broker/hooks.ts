import { inspect } from 'node:util';
import { PeerGone } from '../protocols/errors.js';
import type { Phase } from '../protocols/frame-rules.js';
import { escapeText } from '../protocols/text.js';
import { publish } from './diagnostics.js';
import { OptionError } from './errors.js';
import { GateError } from './gate.js';
import type { DescribedSyscall } from './policy/describe.js';
import type { ErrnoName, Policy } from './policy/index.js';
import type { Result, Violation } from './result.js';
import type { Sandboxee } from './sandboxee.js';

/** A call that waits for the app's answer, made of nothing but the number and the arguments: no pointer was followed. */
export interface TracedSyscall extends DescribedSyscall {
  /** Six, as they are. */
  readonly args: readonly bigint[];
  /** Thread id as the broker sees it. */
  readonly thread: number;
  readonly instructionPointer: bigint;
}

/**
 * `allow`: the call goes on as it is; what its pointers lead to may be something else by then, so that nothing may hang on
 * it. `deny`: a violation. `errno`: the call gets it, and is reported as a denial.
 */
export type TraceDecision = 'allow' | 'deny' | { readonly errno: ErrnoName };

/**
 * What the app does at the turns of a sandboxee's life. A hook that throws where nothing says what follows is told on the
 * diagnostics channel `sallyport:hook-error`, or where nobody listens there, as a warning of the process.
 */
export interface Hooks {
  /**
   * After hello and before the filter is sent. The program is still trusted, not filtered, and may speak on `comms` with
   * `sandboxMeHere({ before })`; give it nothing that an attacker wrote. A program that is filtered from its first instruction
   * has not begun. Has until `limits.gateTime`; where it throws the launch fails at the step `hook:started`.
   */
  readonly started?: (sandboxee: Sandboxee) => void | Promise<void>;
  /** Once, also where the launch fails, right before `sandboxee.result` resolves. It is not waited for. */
  readonly finished?: (result: Result) => void | Promise<void>;
  /** Once: when the sandboxee has been killed for it. */
  readonly violation?: (violation: Violation) => void | Promise<void>;
  /**
   * Decides on each call that the policy says to trace. Denied, too, where it throws, takes longer than `traceTime`, or
   * answers anything else. The thread waits meanwhile; others go on. What every policy refuses is never asked about.
   */
  readonly trace?: (syscall: TracedSyscall) => TraceDecision | Promise<TraceDecision>;
  /** How long `trace` may take. Milliseconds; default 1000. */
  readonly traceTime?: number;
}

export type HookName = 'started' | 'finished' | 'violation' | 'trace';

const HOOK_NAMES: readonly HookName[] = ['started', 'finished', 'violation', 'trace'];
const DEFAULT_TRACE_TIME = 1000;
const LONGEST_TRACE_TIME = 60_000;

export type ResolvedHooks = Hooks & { readonly traceTime: number };

/** @throws OptionError */
export function resolveHooks(hooks: Hooks | undefined, policy: Policy): ResolvedHooks {
  const given = checkHooks(hooks === undefined ? {} : hooks);
  const { started, finished, violation, trace, traceTime = DEFAULT_TRACE_TIME } = given;
  if (policy.traces && trace === undefined) {
    throw new OptionError(
      'launch().hooks.trace',
      `policy '${policy.name}' leaves syscalls to this hook, and there is none`,
    );
  }
  // As methods of what was given, which may be an object of a class.
  return {
    traceTime,
    ...(started ? { started: started.bind(given) } : {}),
    ...(finished ? { finished: finished.bind(given) } : {}),
    ...(violation ? { violation: violation.bind(given) } : {}),
    ...(trace ? { trace: trace.bind(given) } : {}),
  };
}

function checkHooks(hooks: Hooks): Hooks {
  if (typeof hooks !== 'object' || hooks === null) {
    throw new OptionError('launch().hooks', `${String(hooks)} is not an object such as { violation(violation) {} }`);
  }
  const known: readonly string[] = [...HOOK_NAMES, 'traceTime'];
  for (const name of Object.keys(hooks)) {
    if (!known.includes(name)) {
      throw new OptionError(`launch().hooks.${name}`, `no such hook; there are ${known.join(', ')}`);
    }
  }
  for (const name of HOOK_NAMES) {
    const hook = hooks[name];
    if (hook !== undefined && typeof hook !== 'function') {
      throw new OptionError(`launch().hooks.${name}`, `${String(hook)} is not a function`);
    }
  }
  const { traceTime = DEFAULT_TRACE_TIME } = hooks;
  if (!Number.isInteger(traceTime) || traceTime < 1 || traceTime > LONGEST_TRACE_TIME) {
    throw new OptionError(
      'launch().hooks.traceTime',
      `${String(traceTime)} is not a whole number of ms from 1 to ${LONGEST_TRACE_TIME}`,
    );
  }
  return hooks;
}

/** Calls a hook of which nothing depends. What it throws, or rejects with, is told. */
export function callHook(name: HookName, pid: number, call: () => void | Promise<void>): void {
  const fail = (error: unknown): void => hookFailed(name, pid, error);
  try {
    Promise.resolve(call()).catch(fail);
  } catch (error) {
    fail(error);
  }
}

export function hookFailed(hook: HookName, pid: number, error: unknown): void {
  if (publish('hook-error', { pid, hook, error })) return;
  const warning = new Error(`hooks.${hook}() of the sandboxee ${pid} failed: ${messageOf(error)}`, { cause: error });
  warning.name = 'SallyportWarning';
  process.emitWarning(warning);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error, { depth: 0 });
}

/**
 * Waits for `started`, or for the end of the processes, which rejects with PeerGone.
 *
 * @throws GateError where the hook does
 */
export async function callStarted({ started }: Hooks, handle: Sandboxee, ended: Promise<unknown>): Promise<void> {
  if (started === undefined) return;
  const gone = ended.then(() => {
    throw new PeerGone('it ended while the hook ran');
  });
  try {
    await Promise.race([gone, Promise.resolve(handle).then(started)]);
  } catch (error) {
    if (error instanceof PeerGone) throw error;
    const said = escapeText(messageOf(error), { max: 1024 });
    throw new GateError('hook:started', `hooks.started() threw: ${said}`);
  }
}

/** Data crosses before the gate where the app speaks with the program then; a program that is filtered already has no gate. */
export function firstPhase(mode: 'late' | 'exec', { started }: Hooks): Phase {
  if (mode === 'exec') return 'open';
  return started === undefined ? 'handshake' : 'start-up';
}
