import { leakGate } from '../support/leak-gate.js';
import { itEnds } from './support.js';

const MSG_OOB = 0x1;
const MSG_PEEK = 0x2;
const O_EXCL = 0x80;
const O_DIRECT = process.arch === 'arm64' ? 0x10000 : 0x4000;
const F_DUPFD_CLOEXEC = 1030;

describe('what neither Node nor comms needs of the syscalls that they make is a violation', () => {
  leakGate();

  itEnds([
    { call: ['sendmsg', 3, 'bytes:56', MSG_OOB], says: /^sendmsg\(3, / },
    { call: ['sendmsg', 3, 'bytes:56', 0x4000000], says: /^sendmsg\(3, / },
    { call: ['recvmsg', 3, 'bytes:56', MSG_OOB], says: /^recvmsg\(3, / },
    { call: ['recvmsg', 3, 'bytes:56', MSG_PEEK], says: /^recvmsg\(3, / },
    { call: ['pipe2', 'bytes:8', O_EXCL], says: /^pipe2\(/ },
    { call: ['pipe2', 'bytes:8', O_DIRECT], says: /^pipe2\(/ },
    { call: ['fcntl', 1, F_DUPFD_CLOEXEC, 4], says: /^fcntl\(1, F_DUPFD_CLOEXEC, / },
    { call: ['fcntl', 2, F_DUPFD_CLOEXEC, 4], says: /^fcntl\(2, F_DUPFD_CLOEXEC, / },
    { call: ['fcntl', 3, F_DUPFD_CLOEXEC, 4], says: /^fcntl\(3, F_DUPFD_CLOEXEC, / },
    { call: ['fcntl', 0x1_0000_0003n, F_DUPFD_CLOEXEC, 4], says: /^fcntl\(3, F_DUPFD_CLOEXEC, / },
  ]);
});
