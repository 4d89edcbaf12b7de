/** Small filters and calls for tests. */
import { type Filter, NO_SUCH_SYSCALL } from '../../broker/policy/bpf/compiler.js';
import { violation } from '../../broker/policy/bpf/dsl.js';
import type { Action, Expression } from '../../broker/policy/bpf/nodes.js';
import { type Verdict, verdict } from '../../broker/policy/bpf/simulator.js';
import type { PolicyBuilder } from '../../broker/policy/builder.js';
import { PolicyError } from '../../broker/policy/errors.js';
import {
  type Architecture,
  AUDIT_ARCH_X86_64,
  type SyscallName,
  syscallTable,
} from '../../broker/policy/syscalls/index.js';

export const X64 = AUDIT_ARCH_X86_64;

export const NOTIFY: Verdict = { kind: 'notify' };
export const ALLOW: Verdict = { kind: 'allow' };
export const KILL: Verdict = { kind: 'kill-process' };
export const errnoVerdict = (errno: number): Verdict => ({ kind: 'errno', errno });

/** A filter that has rules for some numbers; the rest are violations. */
export function filterOf(rules: Readonly<Record<number, Expression>>, change: Partial<Filter> = {}): Filter {
  return {
    architecture: X64,
    highest: 100,
    rules: new Map(Object.entries(rules).map(([number, expression]) => [Number(number), expression])),
    unlisted: violation(),
    unknown: NO_SUCH_SYSCALL,
    foreign: violation(),
    ...change,
  };
}

/** What the program says of a syscall by name. */
export function ask(
  program: Uint8Array,
  name: SyscallName,
  args: readonly (number | bigint)[] = [],
  arch: Architecture = X64,
): Verdict {
  const number = syscallTable(arch).number(name);
  if (number === undefined) throw new Error(`${name} does not exist there`);
  return verdict(program, { number, architecture: arch, args: args.map((value) => BigInt(value)) });
}

export function verdictOf(action: Action): Verdict {
  if (action.kind !== 'notify') return action;
  const { kind } = action.answer;
  return kind === 'trace' || kind === 'permit' ? { kind } : NOTIFY;
}

/** What `build()` has against a policy. */
export function problemsOf(builder: PolicyBuilder): PolicyError['problems'] {
  try {
    builder.build();
  } catch (error) {
    if (error instanceof PolicyError) return error.problems;
    throw error;
  }
  return [];
}
