/** No rule reaches executable memory unless it names the danger. */
import { PROT, SHM } from './abi.js';
import { arg, pass, when } from './bpf/dsl.js';
import { type Action, type Condition, isChoice, letsThrough, type Pass, type Rule, replace } from './bpf/nodes.js';
import { ALL, NONE, type Region, Regions } from './bpf/regions.js';
import type { SyscallName } from './syscalls/index.js';

const MAKES_EXECUTABLE: ReadonlyMap<SyscallName, Condition> = new Map<SyscallName, Condition>([
  ['mmap', arg(2).hasAny(PROT.PROT_EXEC)],
  ['mprotect', arg(2).hasAny(PROT.PROT_EXEC)],
  ['pkey_mprotect', arg(2).hasAny(PROT.PROT_EXEC)],
  ['shmat', arg(2).hasAny(SHM.SHM_EXEC)],
]);

/**
 * The rule without what it allows of executable memory, which is passed on; the rule itself where there is none.
 * `undefined` where nothing else is left of what it allows.
 */
export function withoutExecutableMemory(syscall: SyscallName, rule: Rule): Rule | undefined {
  const executable = MAKES_EXECUTABLE.get(syscall);
  if (executable === undefined) return rule;
  const regions = new Regions();
  const allowed = whereAllowed(regions, rule);
  if (regions.and(allowed, regions.of(executable)) === NONE) return rule;
  if (regions.minus(allowed, regions.of(executable)) === NONE) return undefined;
  return replace<Action | Pass, Action | Pass>(rule, (leaf) =>
    letsThrough(leaf) ? when<Action | Pass>(executable, pass()).otherwise(leaf) : leaf,
  );
}

function whereAllowed(regions: Regions, rule: Rule, within: Region = ALL): Region {
  if (within === NONE) return NONE;
  if (!isChoice(rule)) return letsThrough(rule) ? within : NONE;
  const holds = regions.of(rule.condition);
  const then = whereAllowed(regions, rule.then, regions.and(within, holds));
  const otherwise = whereAllowed(regions, rule.otherwise, regions.minus(within, holds));
  return regions.or(then, otherwise);
}
