import { readSync } from 'node:fs';
import { expect } from 'chai';
import { Fd } from '../../broker/index.js';
import { socketpair } from '../../native/broker.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit, launchPuppet, perform } from '../support/puppet.js';
import { itAlwaysEnds, itEnds, numberOf, passFd, violationOf } from './support.js';

/** The permit to send goes by the number: another socket put there spoke to the network. */
describe('the number of the comms fd is reserved, whatever the policy says', () => {
  leakGate();

  itAlwaysEnds([
    { call: ['close', 3], says: 'close(3)' },
    { call: ['close', 0x1_0000_0003n], says: 'close(3)' },
    { call: ['dup2', 1, 3], says: 'dup2(1, 3)' },
    { call: ['dup2', 3, 3], says: 'dup2(3, 3)' },
    { call: ['dup3', 1, 3, 0], says: /^dup3\(1, 3, / },
    { call: ['close_range', 3, 3, 0], says: 'close_range(3, 3, 0x0)' },
    { call: ['close_range', 0, 0xffffffff, 0], says: 'close_range(0, -1, 0x0)' },
    { call: ['close_range', 0, 0xffffffff, 4], says: 'close_range(0, -1, 0x4)' },
    { call: ['close_range', 0, 0xffffffff, 2], says: 'close_range(0, -1, 0x2)' },
  ]);
});

describe('no other socket is spoken to', () => {
  leakGate();

  itEnds([
    { call: ['sendmsg', 4, 'bytes:56', 0], says: /^sendmsg\(4, / },
    { call: ['recvmsg', 4, 'bytes:56', 0], says: /^recvmsg\(4, / },
    { call: ['sendmsg', 0x1_0000_0004n, 'bytes:56', 0], says: /^sendmsg\(4, / },
    { call: ['shutdown', 4, 2], says: 'shutdown(4, 2)' },
    { call: ['sendto', 3, 'hello', 5, 0, 0, 0], says: /^sendto\(3, / },
    { call: ['recvfrom', 3, 'bytes:8', 8, 0, 0, 0], says: /^recvfrom\(3, / },
    { call: ['sendmmsg', 3, 'bytes:64', 1, 0], says: /^sendmmsg\(3, / },
    { call: ['recvmmsg', 3, 'bytes:64', 1, 0, 0], says: /^recvmmsg\(/ },
    { call: ['connect', 3, 'bytes:16', 16], says: /^connect\(3, / },
    { call: ['bind', 3, 'bytes:16', 16], says: /^bind\(3, / },
    { call: ['listen', 3, 1], says: 'listen(3, 1)' },
    { call: ['accept', 3, 0, 0], says: 'accept(3, NULL, NULL)' },
    { call: ['accept4', 3, 0, 0, 0], says: 'accept4(3, NULL, NULL, 0x0)' },
    { call: ['setsockopt', 3, 1, 7, 'bytes:4', 4], says: /^setsockopt\(3, / },
    { call: ['getsockopt', 3, 1, 17, 'bytes:12', 'bytes:4'], says: /^getsockopt\(3, 1, 17, / },
    { call: ['getpeername', 3, 'bytes:16', 'bytes:4'], says: /^getpeername\(3, / },
  ]);

  it('also not one that the broker passed: it can be read and written, and carries no fd', async () => {
    await using sandboxee = await launchPuppet();
    const [mine, theirs] = socketpair();
    using own = Fd.adopt(mine);
    const number = await passFd(sandboxee, Fd.adopt(theirs));
    expect(
      await perform(sandboxee, ({ attack }, fd: number) => attack.syscall(1, fd, Buffer.from('hi'), 2), number),
    ).to.equal(2);
    expect(readSync(own.number, Buffer.alloc(8))).to.equal(2);
    await begin(sandboxee, ({ attack }: Kit, fd: number) => attack.sendWithFds(fd, Buffer.from('x'), [1]), number);
    const result = await violationOf(sandboxee);
    expect(result).to.have.nested.property('syscall.number', numberOf('sendmsg'));
  });
});
