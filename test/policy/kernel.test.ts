import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { compile } from '../../broker/policy/bpf/compiler.js';
import { all, allow, arg, arg64, errno, killProcess, not, when } from '../../broker/policy/bpf/dsl.js';
import { bpf } from '../../broker/policy/bpf/raw.js';
import { type Verdict, verdict } from '../../broker/policy/bpf/simulator.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { policies } from '../../broker/policy/presets.js';
import { launcherProgram, stage0Program } from '../../broker/policy/stages.js';
import { type SyscallName, syscallTable } from '../../broker/policy/syscalls/index.js';
import { dangerouslyAllowAllSyscalls } from '../../broker/policy/tokens.js';
import { attackProgram } from '../support/build.js';
import { filterOf, X64 } from './filters.js';

const I386 = 0x40000003;

interface Call {
  readonly architecture: number;
  readonly number: number;
  readonly args: readonly bigint[];
  readonly text: string;
}

function by(name: SyscallName, ...args: readonly (number | bigint)[]): Call {
  return numbered(syscallTable(X64).number(name) ?? -1, args, name);
}

function numbered(number: number, args: readonly (number | bigint)[], name = `syscall ${number}`): Call {
  const values = args.map((value) => BigInt.asUintN(64, BigInt(value)));
  return {
    architecture: X64,
    number,
    args: values,
    text: `${name}(${values.map((value) => `0x${value.toString(16)}`)})`,
  };
}

/** None of them does harm or blocks where it is allowed. */
const CALLS: readonly Call[] = [
  by('getpid'),
  by('read', -1),
  by('write', -1),
  by('close', 77),
  by('close', 3),
  by('openat', -100, 0),
  by('statx', -1, 0, 0x1000),
  by('newfstatat', -1, 0, 0, 0x1000),
  by('stat', 0),
  by('execve', 0),
  by('socket', 1, 1, 0),
  by('socket', 2, 1, 0),
  by('socket', 40, 1, 0),
  by('unshare', 0x10000000),
  by('mmap', 0, 4096, 3, 0x22, -1),
  by('mmap', 0, 4096, 7, 0x22, -1),
  by('mmap', 0, 4096, 3, 0x21, -1),
  by('mmap', 0, 4096, 3, 0x122, -1),
  by('mmap', 0, 4096, 1, 1, 0),
  by('mprotect', 0, 0, 3),
  by('mprotect', 0, 0, 7),
  by('mprotect', 0, 0, 0x1000003),
  by('madvise', 0, 0, 4),
  by('madvise', 0, 0, 12),
  by('futex', 0, 0x81),
  by('futex', 0, 0x1_0000_0081n),
  by('futex', 0, 6),
  by('fcntl', 0, 1),
  by('fcntl', 0, 0x1_0000_0001n),
  by('fcntl', 0, 4, 0x800),
  by('fcntl', 0, 4, 0x2000),
  by('fcntl', 0, 8, 0),
  by('ioctl', -1, 0x5401),
  by('ioctl', -1, 0x5412),
  by('ioctl', -1, 0x1_0000_5412n),
  by('prctl', 15, 0),
  by('prctl', 4, 1),
  by('prlimit64', 0, 3, 0, 0),
  by('prlimit64', 0, 3, 0x1_0000_0000n, 0),
  by('prlimit64', 0, 3, 1, 0),
  by('kill', 0, 0),
  by('tgkill', 0, 0, 6),
  by('ptrace', 0xffff),
  by('bpf', -1),
  by('io_uring_setup', 0, 0),
  by('clone3', 0, 0),
  by('openat2', -1, 0, 0, 0),
  by('sendmsg', 3),
  by('sendmsg', 4),
  by('seccomp', 99),
  by('personality', 0xffffffff),
  by('memfd_create', 0, 0),
  numbered(400, []),
  numbered(469, [-1]),
  numbered(470, []),
  numbered(5000, []),
  numbered(0x40000000, []),
  numbered(0x40000027, []),
  { architecture: I386, number: 20, args: [], text: 'getpid of i386' },
  { architecture: I386, number: 999, args: [], text: 'syscall 999 of i386' },
];

const OWN = bpf(`
        load arg2.low
        if A > 3 goto no
        load arg1.low
        if A < 1 goto no
        return ALLOW
  no:   return ERRNO EDOM
`);

const FILTERS: readonly (readonly [string, Uint8Array])[] = [
  ['policies.node()', policies.node({ arch: X64 }).build().compile().program],
  ['policies.nodeJitless()', policies.nodeJitless({ arch: X64 }).build().compile().program],
  ['an intersection', intersection()],
  ['a default that allows', everything().build().compile().program],
  ["a program of one's own", everything().addPolicyOnSyscall('fcntl', OWN).build().compile().program],
  ['stage 0', stage0Program(X64)],
  ['the filter of the launcher', launcherProgram(X64)],
  ['a filter without a listener', everyAction()],
  ['a filter with jumps beyond 255', longJumps()],
];

function everything(): PolicyBuilder {
  return new PolicyBuilder({ arch: X64 }).addPolicyOnMmap(OWN).defaultAction(dangerouslyAllowAllSyscalls);
}

function intersection(): Uint8Array {
  const other = everything().blockSyscallWithErrno('read', 'EPERM').build();
  return policies.node({ arch: X64 }).build().intersect(other).compile().program;
}

function everyAction(): Uint8Array {
  const number = (name: SyscallName): number => syscallTable(X64).number(name) ?? -1;
  const rules = {
    [number('getpid')]: allow(),
    [number('read')]: errno(4095),
    [number('prlimit64')]: when(arg64(2).eq(0x1_0000_0000n), errno(1)).otherwise(killProcess()),
    [number('mmap')]: when(all(arg(2).hasOnly(3), not(arg(3).hasAny(0x100))), allow()).otherwise(errno(13)),
    [number('fcntl')]: when(arg(1).eq(1), errno(77)).otherwise(allow()),
  };
  return compile(filterOf(rules, { highest: 469, unlisted: killProcess(), unknown: errno(5), foreign: killProcess() }));
}

function longJumps(): Uint8Array {
  const many = Array.from({ length: 700 }, (_, index) => index + 0x6000);
  const rule = when(arg(1).in(...many), errno(7))
    .when(arg(1).in(0x5401, 1), errno(8))
    .otherwise(allow());
  return compile(filterOf({ 16: rule, 72: rule, 39: errno(9) }, { highest: 469, unlisted: allow() }));
}

(process.arch === 'x64' ? describe : describe.skip)('the kernel agrees with the simulator', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-policy-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, program] of FILTERS) {
    it(`on ${name}`, () => {
      const outcomes = probe(folder, program);
      expect(outcomes).to.have.lengthOf(CALLS.length);
      for (const [index, call] of CALLS.entries()) {
        const [without, within] = outcomes[index] ?? [];
        expect(within, call.text).to.equal(expected(verdict(program, call), without ?? ''));
      }
    });
  }
});

function probe(folder: string, program: Uint8Array): readonly (readonly string[])[] {
  const file = join(folder, 'filter');
  writeFileSync(file, program);
  const input = CALLS.map(
    ({ architecture, number, args }) => `${architecture === I386 ? 'i386 ' : ''}${number} ${args.join(' ')}\n`,
  );
  const output = execFileSync(attackProgram('probe-policy'), [file], { input: input.join(''), encoding: 'utf8' });
  return output
    .trimEnd()
    .split('\n')
    .map((line) => line.split('|'));
}

/** Nobody listens, so that a notification is ENOSYS. */
function expected(said: Verdict, unfiltered: string): string {
  switch (said.kind) {
    case 'allow':
      return unfiltered;
    case 'errno':
      return `errno ${said.errno}`;
    case 'notify':
    case 'trace':
    case 'permit':
      return 'errno 38';
    case 'kill-process':
      return 'signal 31';
  }
}
