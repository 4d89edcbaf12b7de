import { constants } from 'node:os';
import { expect } from 'chai';
import { PolicyBuilder, policies } from '../../broker/index.js';
import { OWN_PID, withOwnPid } from '../../broker/policy/own-pid.js';
import { whyRefusedAltogether } from '../../broker/policy/refused.js';
import { type SyscallName, syscallTable } from '../../broker/policy/syscalls/index.js';
import type { Unmediated } from '../../broker/policy/unmediated.js';
import { ALLOW, ask, errnoVerdict, NOTIFY, X64 } from './filters.js';

const { EACCES, EPERM, ENOTTY } = constants.errno;
const OWN = 4711;
const NEWEST: Unmediated = { landlockAbi: 8, oneGroup: false };

const widest = new PolicyBuilder({ name: 'widest', arch: X64 })
  .allowSyscalls(...[...syscallTable(X64).names()].filter((name) => whyRefusedAltogether(name) === undefined))
  .build();
const preset = policies.node({ arch: X64 }).build();

function under(unmediated: Unmediated, policy = widest): Uint8Array {
  return withOwnPid(policy.compile(3, unmediated).program, OWN);
}

type Call = readonly [SyscallName, ...(number | bigint)[]];

/** Withheld under every ABI of Landlock. */
const ALWAYS: readonly (readonly [errno: number, call: Call])[] = [
  ...(
    [
      ...(['chmod', 'fchmod', 'fchmodat', 'fchmodat2', 'chown', 'fchown', 'lchown', 'fchownat'] as const),
      ...(['utime', 'utimes', 'futimesat', 'utimensat', 'setxattr', 'lsetxattr', 'fsetxattr', 'setxattrat'] as const),
      ...(['removexattr', 'lremovexattr', 'fremovexattr', 'removexattrat', 'file_setattr'] as const),
    ] as const
  ).map((name) => [EPERM, [name]] as const),
  ...(['socket', 'connect', 'bind', 'shmget', 'shmat', 'semget', 'semop', 'msgget', 'msgrcv', 'mq_open'] as const).map(
    (name) => [EACCES, [name, 1, 1]] as const,
  ),
  [EACCES, ['inotify_add_watch', 5, 0x1000, 2]],
  [EACCES, ['sendto', 5, 0x1000, 1, 0, 0x2000, 16]],
  [EACCES, ['sendto', 5, 0x1000, 1, 0, 0x1_0000_0000n, 16]],
  [EACCES, ['socketpair', 1, 2, 0]],
  [EACCES, ['socketpair', 1, 2 | 0x80000, 0]],
  [EACCES, ['socketpair', 1, 3, 0]],
  [ENOTTY, ['ioctl', 5, 0x40086602]],
  [ENOTTY, ['ioctl', 5, 0x5000940e]],
  [ENOTTY, ['ioctl', 5, 0xae01]],
  [EPERM, ['sched_setaffinity', 1, 8]],
  [EPERM, ['sched_setscheduler', 1, 0]],
];

const KEPT: readonly Call[] = [
  ['openat', -100, 0x1000, 0],
  ['openat', -100, 0x1000, 0x241],
  ['truncate', 0x1000, 0],
  ['ftruncate', 3, 0],
  ['unlink', 0x1000],
  ['rename', 0x1000, 0x1000],
  ['sendto', 5, 0x1000, 1, 0, 0],
  ['socketpair', 1, 1, 0],
  ['socketpair', 1, 5 | 0x80000, 0],
  ['ioctl', 1, 0x5401],
  ['ioctl', 1, 0x541b],
  ['sched_setaffinity', 0, 8],
  ['kill', OWN, 6],
  ['kill', 1, 9],
  ['tgkill', OWN, OWN, 6],
  ['setsid'],
  ['setpgid', 0, 0],
];

/** Withheld below an ABI. */
const UNTIL: readonly (readonly [abi: number, errno: number, call: Call])[] = [
  [3, EACCES, ['truncate', 0x1000, 0]],
  [3, EACCES, ['open', 0x1000, 0x200]],
  [3, EACCES, ['openat', -100, 0x1000, 0x201]],
  [6, EPERM, ['kill', 1, 9]],
  [6, EPERM, ['kill', 0, 9]],
  [6, EPERM, ['kill', -1, 9]],
  [6, EPERM, ['kill', -OWN, 9]],
  [6, EPERM, ['tkill', OWN + 1, 9]],
  [6, EPERM, ['tgkill', 1, OWN, 9]],
  [6, EPERM, ['rt_sigqueueinfo', 1, 9, 0]],
  [6, EPERM, ['rt_tgsigqueueinfo', 1, 1, 9, 0]],
  [6, EPERM, ['pidfd_send_signal', 5, 9, 0, 0]],
];

describe('what a policy cannot allow where there are no namespaces', () => {
  for (const [errno, [name, ...args]] of ALWAYS) {
    it(`${name}(${args.join(', ')}), under every ABI of Landlock`, () => {
      for (let landlockAbi = 0; landlockAbi <= 8; landlockAbi++)
        expect(ask(under({ landlockAbi, oneGroup: false }), name, args)).to.deep.equal(errnoVerdict(errno));
    });
  }

  for (const [abi, errno, [name, ...args]] of UNTIL) {
    it(`${name}(${args.join(', ')}), until ABI ${abi} holds it back`, () => {
      expect(ask(under({ landlockAbi: abi - 1, oneGroup: false }), name, args)).to.deep.equal(errnoVerdict(errno));
      expect(ask(under({ landlockAbi: abi, oneGroup: false }), name, args)).to.deep.equal(ALLOW);
    });
  }

  it('is nothing of what Landlock mediates, or concerns the sandboxee alone', () => {
    for (const [name, ...args] of KEPT) expect(ask(under(NEWEST), name, args), name).to.deep.equal(ALLOW);
  });

  it('is a signal to itself under no ABI: abort() works', () => {
    const oldest = under({ landlockAbi: 0, oneGroup: true });
    for (const [name, ...args] of [
      ['kill', OWN, 6],
      ['tgkill', OWN, OWN + 3, 6],
      ['tkill', OWN, 6],
    ] as const)
      expect(ask(oldest, name, args), name).to.deep.equal(ALLOW);
    expect(ask(oldest, 'kill', [OWN_PID, 6])).to.deep.equal(errnoVerdict(EPERM));
  });

  it('is to leave the process group, where that is by what everything is ended', () => {
    const program = under({ landlockAbi: 4, oneGroup: true });
    expect(ask(program, 'setsid')).to.deep.equal(errnoVerdict(EPERM));
    expect(ask(program, 'setpgid', [0, 0])).to.deep.equal(errnoVerdict(EPERM));
  });

  it('is no weaker than what the policy says: a violation stays one, a denied path is reported', () => {
    const program = under({ landlockAbi: 0, oneGroup: true }, preset);
    for (const [name, ...args] of [
      ['socket', 1, 1],
      ['setsid'],
      ['kill', 1, 9],
      ['chmod', 0x1000],
      ['tgkill', 1, 1, 9],
    ] as const)
      expect(ask(program, name, args), name).to.deep.equal(NOTIFY);
    expect(ask(program, 'tgkill', [1, 1, 6])).to.deep.equal(errnoVerdict(EPERM));
  });

  it('changes nothing of the policy as it is elsewhere', () => {
    under(NEWEST);
    expect(ask(widest.compile().program, 'chmod')).to.deep.equal(ALLOW);
    expect(ask(widest.compile().program, 'kill', [1, 9])).to.deep.equal(ALLOW);
  });
});
