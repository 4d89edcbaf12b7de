import { firstExecOf } from '../first-exec.js';
import { compiledFor, type Preparation } from '../preparation.js';
import { HOLD_TIME } from '../stacks/options.js';
import type { Monitored } from './monitor.js';

/** What the monitor of one sandboxee goes by, whose pid is known now. */
export function monitoredOf(preparation: Preparation, pid: number): Monitored {
  const { policy, fds, mode, hooks, stacks } = preparation;
  const compiled = compiledFor(preparation, pid);
  const { execveat: number, argument } = firstExecOf(compiled);
  return {
    policy,
    compiled,
    comms: fds.comms,
    begins: mode === 'exec' ? { tid: pid, number, argument } : undefined,
    hooks,
    holdTime: stacks.violation ? HOLD_TIME : 0,
  };
}
