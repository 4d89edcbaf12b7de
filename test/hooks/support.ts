import {
  describeResult,
  type Hooks,
  policies,
  type Result,
  type Sandboxee,
  type TracedSyscall,
} from '../../broker/index.js';
import type { SyscallName } from '../../broker/policy/syscalls/index.js';
import { begin, type Kit, launchPuppet, type PuppetOptions, perform } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';

/** Traced here: nothing that Node does by itself makes it. */
export const TRACED = 'getpriority' satisfies SyscallName;

export const tracing = policies.node().named('tracing').traceSyscalls(TRACED, 'personality').build();

/** A hook that answers in this way, and keeps what it was asked. */
export function recording(answer: NonNullable<Hooks['trace']>): {
  readonly hooks: Hooks;
  readonly asked: TracedSyscall[];
} {
  const asked: TracedSyscall[] = [];
  return {
    asked,
    hooks: {
      trace(syscall) {
        asked.push(syscall);
        return answer(syscall);
      },
    },
  };
}

export function launchTraced(hooks: Hooks, options: PuppetOptions = {}): Promise<Sandboxee> {
  return launchPuppet({ policy: tracing, hooks, ...options });
}

const makeSyscall = ({ attack }: Kit, number: number, ...values: (number | bigint)[]): number =>
  attack.syscall(number, ...values);

/** The kernel's value, or -errno. */
export function call(sandboxee: Sandboxee, name: SyscallName, ...values: number[]): Promise<number> {
  return perform(sandboxee, makeSyscall, numberOf(name), ...values);
}

export function beginCall(sandboxee: Sandboxee, name: SyscallName, ...values: number[]): Promise<void> {
  return begin(sandboxee, makeSyscall, numberOf(name), ...values);
}

export type SyscallViolation = Extract<Result, { status: 'violation'; kind: 'syscall' | 'architecture' }>;

export function requireViolation(result: Result): SyscallViolation {
  if (result.status === 'violation' && result.kind !== 'protocol') return result;
  throw new Error(`a violation by a syscall was expected, not: ${describeResult(result)}`);
}
