import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit, launchPuppet } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';

const SECOND = 1000;

describe('a sandboxee that writes single bytes to its stdout, as fast as it can', () => {
  leakGate();

  it('causes events at a bounded pace', async () => {
    await using sandboxee = await launchPuppet();
    let events = 0;
    const first = new Promise((resolve) => {
      sandboxee.events.on('output', () => {
        events += 1;
        resolve(null);
      });
    });
    await begin(
      sandboxee,
      ({ attack }: Kit, write: number) => {
        const byte = Buffer.from('x');
        for (;;) attack.syscall(write, 1, byte, 1);
      },
      numberOf('write'),
    );
    await first;
    await new Promise((resolve) => setTimeout(resolve, SECOND));
    expect(events).to.be.lessThan(3000);
  });
});
