import type { Layer } from './layers.js';
import { type HeldLimit, LIMIT_RULES } from './limits.js';
import type { DescribedSyscall } from './policy/describe.js';
import type { Reason } from './policy/index.js';
import { describeStack, type ThreadStack } from './stacks/stack.js';

/** A syscall that came to the monitor: what was asked, and who asked. Text in it is escaped and bounded. */
export interface ReportedSyscall extends DescribedSyscall {
  /** Thread id as the broker sees it. */
  readonly thread: number;
  readonly instructionPointer: bigint;
  readonly architecture: string;
}

/** One that was refused: which rule did, and what would allow it. */
export interface RefusedSyscall extends ReportedSyscall {
  readonly reason: Reason;
}

/** One that went on only because the policy is there to watch: `dangerouslyPermitAllAndLog`. */
export interface PermittedSyscall extends ReportedSyscall {
  /** Calls that were the same in everything. */
  readonly count: number;
}

/** A syscall answered with an errno. */
export interface Denial extends RefusedSyscall {
  /** The errno that the sandboxee saw, e.g. `ENOENT`. */
  readonly errno: string;
}

/** What the whole process tree used up, launcher included, as the kernel counted it. */
export interface ResourceUsage {
  /** Milliseconds. */
  readonly userTime: number;
  /** Milliseconds. */
  readonly systemTime: number;
  /** Of the largest process, pages of files included. Bytes. */
  readonly maxRss: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
}

/** What every result carries, whatever the ending. */
export interface Aftermath {
  readonly usage: ResourceUsage;
  readonly layers: readonly Layer[];
  /** The last denials, oldest first; at most 64. */
  readonly denials: readonly Denial[];
  /** As `stacks` of the launch asked for; of a violation, its own thread's first. */
  readonly stacks: readonly ThreadStack[];
  /** The end of what the sandboxee wrote to its stderr, escaped; at most 4 KiB. */
  readonly stderr: string;
}

/** `architecture`: made through another architecture's door, such as `int 0x80`. */
export interface SyscallOffence {
  readonly kind: 'syscall' | 'architecture';
  readonly syscall: RefusedSyscall;
}

export type Violation =
  | (SyscallOffence & { readonly stack: ThreadStack })
  | { readonly kind: 'protocol'; readonly detail: string };

/** How a sandboxee ended, before it is joined with its `Aftermath`. */
export type Ending =
  /** It exited by itself, with whatever code. */
  | { readonly status: 'ok'; readonly exitCode: number }
  | ({ readonly status: 'violation' } & Violation)
  /** A signal that neither the broker nor a limit sent. */
  | { readonly status: 'signaled'; readonly signal: string; readonly core: boolean }
  /** Wall time ran out. Milliseconds. */
  | { readonly status: 'timeout'; readonly asked: number; readonly used: number }
  | { readonly status: 'limit'; readonly which: HeldLimit; readonly asked: number; readonly used: number }
  /** By `kill()`, by disposal, or by an AbortSignal. */
  | { readonly status: 'killed'; readonly reason: string }
  /** Before *go*. `errno` is a name such as `EPERM`, or empty where no syscall failed. */
  | {
      readonly status: 'setup-error';
      readonly step: string;
      readonly errno: string;
      readonly detail: string;
      readonly hint: string;
    }
  /** The broker itself failed, and therefore killed the sandboxee. */
  | { readonly status: 'internal-error'; readonly message: string };

export type Result = Ending & Aftermath;

/** One sentence for people, and below it, indented, the stacks that were taken. */
export function describeResult(result: Ending | Result): string {
  return [describeEnding(result), ...stacksOf(result).map(describeStack)].join('\n');
}

function stacksOf(result: Ending | Result): readonly ThreadStack[] {
  if ('stacks' in result) return result.stacks;
  return result.status === 'violation' && result.kind !== 'protocol' ? [result.stack] : [];
}

/** One sentence for people; for a violation by a syscall a second line, with the rule and what would allow it. */
export function describeEnding(result: Ending): string {
  switch (result.status) {
    case 'ok':
      return `exited with code ${result.exitCode}`;
    case 'violation':
      return `violation: ${describeViolation(result)}`;
    case 'signaled':
      return `ended by ${result.signal}${result.core ? ' (core dumped)' : ''}`;
    case 'timeout':
      return `wall time ran out: ${result.used} ms of ${result.asked} ms`;
    case 'limit':
      return `limit ${result.which} hit: ${result.used} of ${result.asked} ${LIMIT_RULES[result.which].unit}`;
    case 'killed':
      return `killed: ${result.reason}`;
    case 'setup-error': {
      const errno = result.errno === '' ? '' : ` (${result.errno})`;
      return `setup failed at ${result.step}${errno}: ${result.detail}${result.hint === '' ? '' : `; ${result.hint}`}`;
    }
    case 'internal-error':
      return `internal error: ${result.message}`;
  }
}

function describeViolation(violation: Violation): string {
  if (violation.kind === 'protocol') return `protocol: ${violation.detail}`;
  const { text, reason } = violation.syscall;
  return `${text}\n  ${reason.rule}${reason.hint === '' ? '' : `; ${reason.hint}`}`;
}
