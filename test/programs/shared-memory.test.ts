import { expect } from 'chai';
import { PolicyBuilder, policies, type Sandboxee } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { launchGuest } from './support.js';

const BARE = new PolicyBuilder().allowStaticStartup().allowComms().allowExit();

/** The guest gives back a buffer with every bit of this one turned. */
async function handOver(policy: PolicyBuilder): Promise<Sandboxee> {
  const guest = await launchGuest(['buffers'], {}, { policy: policy.build() });
  const buffer = guest.createBuffer(4096);
  buffer.copyIn(Buffer.alloc(4096, 'Z'));
  await guest.comms.sendBuffer(buffer);
  return guest;
}

describe('shared memory in a program in C', () => {
  leakGate();

  it('is looked at, mapped and unmapped with allowSharedMemory(): each side sees what the other wrote', async () => {
    await using guest = await handOver(BARE.allowSharedMemory());
    using back = await guest.comms.recvBuffer();
    expect(back.copyOut().equals(Buffer.alloc(4096, 0xff ^ 0x5a))).to.equal(true);
    expect(await guest.result).to.include({ status: 'ok', exitCode: 0 });
  });

  it('is a violation at the first touch without it', async () => {
    await using guest = await handOver(BARE);
    const result = await guest.result;
    expect(result).to.include({ status: 'violation', kind: 'syscall' });
    expect(result).to.have.nested.property('syscall.name').that.is.oneOf(['fstat', 'newfstatat', 'mmap']);
  });

  it('is there with allowSharedMemoryComms() and in the preset as well', async () => {
    for (const policy of [BARE.allowSharedMemoryComms(), policies.staticBinary()]) {
      await using guest = await handOver(policy);
      (await guest.comms.recvBuffer()).close();
      expect(await guest.result).to.include({ status: 'ok', exitCode: 0 });
    }
  });
});
