import { leakGate } from '../support/leak-gate.js';
import { expectNothingReached, Host } from './beyond.js';

describe('a program in the tier base, whose policy allows everything', () => {
  leakGate();

  it('reaches nothing of the host', async () => {
    await using host = await Host.open();
    const found = await host.attempts({ tier: 'base' });
    expectNothingReached(host, found);
  });
});
