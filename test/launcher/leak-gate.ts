import { encodePlan } from '../../broker/plan/encode.js';
import { leakGate } from '../support/leak-gate.js';
import { runPlan } from './run.js';

/** The leak gate, once the first run has started what stays for good: the addon's thread that closes fds. */
export function launcherLeakGate(): void {
  before(async () => {
    await runPlan(encodePlan([]));
  });
  leakGate();
}
