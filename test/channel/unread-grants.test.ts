import { expect } from 'chai';
import { describeResult } from '../../broker/index.js';
import { encodeId, encodeRequest } from '../../protocols/buffer-frames.js';
import { Tag } from '../../protocols/tags.js';
import { frame } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';

/** Many times over: asks for a shared buffer, and lets go of it without taking it. The first has the number 1. */
function requestsAndReleases(times: number): Buffer {
  const pairs = Array.from({ length: times }, (_, index) => [
    frame(Tag.BufferRequest, encodeRequest({ request: index + 1, mode: 'writable', size: 4096 })),
    frame(Tag.BufferRelease, encodeId(1)),
  ]);
  return Buffer.concat(pairs.flat());
}

describe('a sandboxee that asks for shared buffers and reads no answer', () => {
  leakGate();

  it('is ended: each answer that waits is an open file of the broker', async () => {
    await using sandboxee = await launchPuppet();
    await begin(
      sandboxee,
      ({ attack }, message: Buffer, write: number, poll: number) => {
        const writable = Buffer.from([3, 0, 0, 0, 4, 0, 0, 0]);
        for (let sent = 0; sent < message.length; ) {
          const taken = attack.syscall(write, 3, message.subarray(sent), message.length - sent);
          if (taken > 0) sent += taken;
          else attack.syscall(poll, writable, 1, 1000);
        }
        attack.syscall(poll, 0, 0, -1);
      },
      requestsAndReleases(1000),
      numberOf('write'),
      numberOf('poll'),
    );
    const result = await sandboxee.result;
    expect(result).to.include({ status: 'violation', kind: 'protocol' });
    expect(describeResult(result)).to.match(/asked for more than 64 shared buffers/);
  });
});

describe('a sandboxee that asks for a shared buffer and does not wait for it', () => {
  leakGate();

  it('ends as it would otherwise', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, ({ gate }) => {
      gate.requestBuffer(4096).catch(() => {});
      gate.close();
      process.exit(0);
    });
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
  });
});
