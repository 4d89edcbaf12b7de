import { leakGate } from '../support/leak-gate.js';
import { itAlwaysEnds, itEnds } from './support.js';

/** The broker's end of comms has an owner that fcntl can choose: SIGKILL by fcntl, which needs no kill(2). */
describe('having the kernel signal others is a violation, whatever the policy says', () => {
  leakGate();

  itAlwaysEnds([
    { call: ['fcntl', 3, 8, 1], says: 'fcntl(3, F_SETOWN, 0x1)' },
    { call: ['fcntl', 3, 15, 'bytes:8'], says: /^fcntl\(3, F_SETOWN_EX, 0x[0-9a-f]+\)$/ },
    { call: ['fcntl', 3, 10, 9], says: 'fcntl(3, F_SETSIG, 0x9)' },
    { call: ['fcntl', 3, 0x1_0000_000an, 9], says: 'fcntl(3, F_SETSIG, 0x9)' },
    { call: ['fcntl', 3, 4, 0x2000], says: 'fcntl(3, F_SETFL, 0x2000)' },
    { call: ['fcntl', 3, 4, 0x2802], says: 'fcntl(3, F_SETFL, 0x2802)' },
    { call: ['fcntl', 1, 1024, 1], says: 'fcntl(1, F_SETLEASE, 0x1)' },
    { call: ['fcntl', 1, 1026, 1], says: 'fcntl(1, F_NOTIFY, 0x1)' },
    { call: ['ioctl', 3, 0x5452, 'bytes:4'], says: /^ioctl\(3, FIOASYNC, / },
    { call: ['ioctl', 3, 0x8901, 'bytes:4'], says: /^ioctl\(3, FIOSETOWN, / },
    { call: ['ioctl', 3, 0x8902, 'bytes:4'], says: /^ioctl\(3, SIOCSPGRP, / },
    { call: ['prctl', 1, 9], says: 'prctl(PR_SET_PDEATHSIG, 0x9, 0x0, 0x0, 0x0)' },
  ]);
});

describe('signalling others is a violation', () => {
  leakGate();

  itEnds([
    { call: ['timer_create', 0, 'bytes:64', 'bytes:8'], says: /^timer_create\(/ },
    { call: ['kill', 1, 9], says: 'kill(1, SIGKILL)' },
    { call: ['kill', -1, 9], says: 'kill(-1, SIGKILL)' },
    { call: ['kill', 0, 0], says: 'kill(0, 0x0)' },
    { call: ['tkill', 1, 9], says: 'tkill(1, SIGKILL)' },
    { call: ['tgkill', 1, 1, 9], says: 'tgkill(1, 1, SIGKILL)' },
    { call: ['rt_sigqueueinfo', 1, 9, 'bytes:128'], says: /^rt_sigqueueinfo\(1, SIGKILL, / },
    { call: ['rt_tgsigqueueinfo', 1, 1, 9, 'bytes:128'], says: /^rt_tgsigqueueinfo\(/ },
    { call: ['pidfd_open', 1, 0], says: 'pidfd_open(1, 0x0)' },
    { call: ['pidfd_send_signal', 3, 9, 0, 0], says: 'pidfd_send_signal(3, SIGKILL, NULL, 0x0)' },
  ]);
});
