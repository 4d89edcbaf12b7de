import { FIRST_EXEC } from './plan/ops.js';
import { type CompiledPolicy, type FirstExec, syscallNumber } from './policy/index.js';

/** By which filter and monitor know the exec that begins a program which was filtered before it. */
export function firstExecOf({ arch }: CompiledPolicy): FirstExec {
  return { arch, execveat: syscallNumber(arch, 'execveat'), argument: FIRST_EXEC };
}
