import { constants } from 'node:os';
import { expect } from 'chai';
import { describeResult, type Ending, launch, PolicyBuilder, program } from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';

const syscall = {
  number: 169,
  name: 'reboot',
  text: 'reboot(0x0)',
  arguments: [],
  args: [0n, 0n, 0n, 0n, 0n, 0n],
  thread: 7,
  instructionPointer: 0n,
  architecture: 'x86-64',
} as const;
const stack = { thread: 7, name: 'node', missing: 'not asked for' } as const;
const reason = { by: 'default', rule: 'by the default action', hint: '' } as const;

/** Every way in which a sandboxee can end. */
const WORDS: readonly (readonly [Ending, string])[] = [
  [{ status: 'ok', exitCode: 0 }, 'exited with code 0'],
  [{ status: 'ok', exitCode: 3 }, 'exited with code 3'],
  [{ status: 'signaled', signal: 'SIGSEGV', core: false }, 'ended by SIGSEGV'],
  [{ status: 'signaled', signal: 'SIGABRT', core: true }, 'ended by SIGABRT (core dumped)'],
  [{ status: 'timeout', asked: 1000, used: 1003 }, 'wall time ran out: 1003 ms of 1000 ms'],
  [{ status: 'limit', which: 'cpuTime', asked: 5, used: 6 }, 'limit cpuTime hit: 6 of 5 ms'],
  [{ status: 'limit', which: 'memory', asked: 5, used: 6 }, 'limit memory hit: 6 of 5 bytes'],
  [{ status: 'limit', which: 'fileSize', asked: 5, used: 5 }, 'limit fileSize hit: 5 of 5 bytes'],
  [{ status: 'limit', which: 'openFiles', asked: 64, used: 64 }, 'limit openFiles hit: 64 of 64 files'],
  [{ status: 'limit', which: 'processes', asked: 12, used: 12 }, 'limit processes hit: 12 of 12 processes and threads'],
  [{ status: 'killed', reason: 'enough of it' }, 'killed: enough of it'],
  [
    { status: 'setup-error', step: 'launcher:unshare', errno: 'EPERM', detail: 'no', hint: 'ask your host' },
    'setup failed at launcher:unshare (EPERM): no; ask your host',
  ],
  [
    { status: 'setup-error', step: 'gate', errno: '', detail: 'it never came', hint: '' },
    'setup failed at gate: it never came',
  ],
  [{ status: 'internal-error', message: 'out of luck' }, 'internal error: out of luck'],
  [{ status: 'violation', kind: 'protocol', detail: 'tag 0' }, 'violation: protocol: tag 0'],
  [
    { status: 'violation', kind: 'syscall', syscall: { ...syscall, reason }, stack },
    'violation: reboot(0x0)\n  by the default action\n  thread 7 "node": no stack: not asked for',
  ],
  [
    {
      status: 'violation',
      kind: 'architecture',
      syscall: { ...syscall, reason: { ...reason, hint: 'no word does' } },
      stack,
    },
    'violation: reboot(0x0)\n  by the default action; no word does\n  thread 7 "node": no stack: not asked for',
  ],
];

describe('a result in words', () => {
  for (const [ending, words] of WORDS) {
    const kind = 'kind' in ending ? ` by ${ending.kind}` : 'which' in ending ? ` of ${ending.which}` : '';
    it(`is one sentence for ${ending.status}${kind}: ${words.split('\n')[0]}`, () => {
      expect(describeResult(ending)).to.equal(words);
    });
  }
});

describe('the signal that ended a program', () => {
  leakGate();
  const policy = new PolicyBuilder()
    .allowStaticStartup()
    .allowExit()
    .allowKill()
    .allowHandleSignals()
    .allowSyscalls('getpid', 'gettid')
    .build();
  /** Whose default is to end, `man 7 signal`. */
  const DEADLY = [
    'SIGHUP',
    'SIGINT',
    'SIGQUIT',
    'SIGILL',
    'SIGTRAP',
    'SIGABRT',
    'SIGBUS',
    'SIGFPE',
    'SIGKILL',
    'SIGUSR1',
    'SIGSEGV',
    'SIGUSR2',
    'SIGPIPE',
    'SIGALRM',
    'SIGTERM',
    'SIGVTALRM',
    'SIGPROF',
    'SIGSYS',
  ] as const;

  async function raise(number: number): Promise<unknown> {
    const executor = program(attackProgram('cases'), { args: ['raise', String(number)] });
    await using sandboxee = await launch(executor, { policy, limits: { wallTime: 10_000 } });
    return await sandboxee.result;
  }

  it('is in the result by its name', async () => {
    for (const name of DEADLY) {
      expect(await raise(constants.signals[name]), name).to.deep.include({ status: 'signaled', signal: name });
    }
  });

  it('is in the result by its number where it has no name', async () => {
    expect(await raise(40)).to.deep.include({ status: 'signaled', signal: 'signal 40' });
  });
});
