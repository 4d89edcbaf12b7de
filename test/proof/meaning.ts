/** What a filter means, from the words of `Filter` alone. */
import type { Filter } from '../../broker/policy/bpf/compiler.js';
import type { Action } from '../../broker/policy/bpf/nodes.js';
import type { Verdict } from '../../broker/policy/bpf/simulator.js';
import { AUDIT_ARCH_X86_64, X32_SYSCALL_BIT } from '../../broker/policy/syscalls/index.js';
import { evaluate } from '../policy/evaluate.js';
import type { Request } from './kernel.js';

export function meaning(filter: Filter, { architecture, number, args }: Request): Action {
  if (architecture !== filter.architecture) return filter.foreign;
  if (architecture === AUDIT_ARCH_X86_64 && (number & X32_SYSCALL_BIT) !== 0) return filter.foreign;
  if (number < 0 || number > filter.highest) return filter.unknown;
  return evaluate(filter.rules.get(number) ?? filter.unlisted, args);
}

/** The monitor tells a violation from a denial; to the filter both are the same notification. */
export function shows(action: Action, verdict: Verdict): boolean {
  const isLeft = action.kind === 'notify' && (action.answer.kind === 'trace' || action.answer.kind === 'permit');
  if ((isLeft ? action.answer.kind : action.kind) !== verdict.kind) return false;
  return action.kind !== 'errno' || verdict.kind !== 'errno' || action.errno === verdict.errno;
}
