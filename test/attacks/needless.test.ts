import { constants } from 'node:os';
import { expect } from 'chai';
import { policies } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet, perform } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';
import { itEnds } from './support.js';

const MSG_OOB = 0x1;
const MSG_PEEK = 0x2;
const O_EXCL = 0x80;
const O_DIRECT = process.arch === 'arm64' ? 0x10000 : 0x4000;

describe('what neither Node nor comms needs of the syscalls that they make is a violation', () => {
  leakGate();

  itEnds([
    { call: ['sendmsg', 3, 'bytes:56', MSG_OOB], says: /^sendmsg\(3, / },
    { call: ['sendmsg', 3, 'bytes:56', 0x4000000], says: /^sendmsg\(3, / },
    { call: ['recvmsg', 3, 'bytes:56', MSG_OOB], says: /^recvmsg\(3, / },
    { call: ['recvmsg', 3, 'bytes:56', MSG_PEEK], says: /^recvmsg\(3, / },
    { call: ['pipe2', 'bytes:8', O_EXCL], says: /^pipe2\(/ },
    { call: ['pipe2', 'bytes:8', O_DIRECT], says: /^pipe2\(/ },
  ]);
});

describe('duplicates of fds, which an epoll could watch by the thousand', () => {
  leakGate();

  it('are refused, and the sandboxee goes on', async () => {
    await using sandboxee = await launchPuppet();
    const answers = await perform(
      sandboxee,
      ({ attack }, fcntl: number) =>
        [0, 1, 3].flatMap((fd) => [0, 1030].map((command) => attack.syscall(fcntl, fd, command, 4))),
      numberOf('fcntl'),
    );
    expect(new Set(answers)).to.deep.equal(new Set([-constants.errno.EPERM]));
  });

  it('are had by who is granted them', async () => {
    await using sandboxee = await launchPuppet({ policy: policies.node().allowSafeFcntl().build() });
    const copy = await perform(
      sandboxee,
      ({ attack }, fcntl: number) => attack.syscall(fcntl, 0, 1030, 4),
      numberOf('fcntl'),
    );
    expect(copy).to.be.at.least(4);
  });
});
