/** What a filter adds to one syscall, against the same syscall without any. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linux, type PolicyBuilder, policies, rule } from 'sallyport';
import { encode, OPCODE } from '../broker/policy/bpf/assembler.js';
import { stage0Program } from '../broker/policy/stages.js';
import { hostArchitecture, type SyscallName, syscallTable } from '../broker/policy/syscalls/index.js';
import { benchProgram } from '../test/support/build.js';
import { alternate } from './alternate.js';
import type { Figure } from './gates.js';

const CALLS = 100_000;
const { allow, arg, errno, when } = rule;

/** Of one call: what is measured of it. */
interface Case {
  readonly name: string;
  readonly gate: number;
  readonly policy: PolicyBuilder;
  /** As few instructions as can say so: what the kernel charges for having a filter, whoever writes it. */
  readonly smallest: Uint8Array;
}

interface Call {
  readonly syscall: SyscallName;
  readonly args: readonly [number, number];
  readonly cases: readonly Case[];
}

const numberOf = (name: SyscallName): number => syscallTable(hostArchitecture()).number(name) ?? -1;
const instruction = (code: number, k: number, jf = 0) => ({ code, jt: 0, jf, k });
const ALLOW = instruction(OPCODE.return, 0x7fff0000);
const REFUSE = instruction(OPCODE.return, 0x00050001);
const NUMBER_OFFSET = 0;
const FIRST_ARGUMENT_OFFSET = 16;
const readsAnArgument = encode([instruction(OPCODE.load, FIRST_ARGUMENT_OFFSET), ALLOW]);

const CALLS_MEASURED: readonly Call[] = [
  {
    syscall: 'getppid',
    args: [0, 0],
    cases: [
      {
        name: 'allowed by number',
        gate: 1.3,
        policy: policies.node().allowSyscall('getppid'),
        smallest: encode([ALLOW]),
      },
      {
        name: 'allowed by an argument',
        gate: 1.45,
        policy: policies.node().addPolicyOnSyscall('getppid', when(arg(0).eq(0), allow()).otherwise(errno(1))),
        smallest: readsAnArgument,
      },
      {
        name: 'denied',
        gate: 1.1,
        policy: policies.node().blockSyscallWithErrno('getppid', 'EPERM'),
        smallest: encode([
          instruction(OPCODE.load, NUMBER_OFFSET),
          instruction(OPCODE.equal, numberOf('getppid'), 1),
          REFUSE,
          ALLOW,
        ]),
      },
    ],
  },
  {
    syscall: 'fcntl',
    args: [0, linux.FCNTL.F_GETFD],
    cases: [{ name: 'allowed by an argument', gate: 1.45, policy: policies.node(), smallest: readsAnArgument }],
  },
];

/** The ratios of the medians. */
export async function syscallFigures(rounds: number): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  try {
    const figures: Figure[] = [];
    for (const call of CALLS_MEASURED) figures.push(...(await figuresOf(call, folder, rounds)));
    return figures;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function figuresOf({ syscall, args, cases }: Call, folder: string, rounds: number): Promise<readonly Figure[]> {
  let written = 0;
  const file = (program: Uint8Array): string => {
    written += 1;
    const path = join(folder, `${syscall}-${written}`);
    writeFileSync(path, program);
    return path;
  };
  const stage0 = file(stage0Program(hostArchitecture()));
  const rows = cases.flatMap(({ name, gate, policy, smallest }) => {
    const own = file(policy.build().compile().program);
    const title = `${syscall}, ${name}`;
    return [
      { name: title, gate, filters: [own] },
      { name: `${title}: the smallest filter`, gate: undefined, filters: [file(smallest)] },
      { name: `${title}: with stage 0 below`, gate: undefined, filters: [stage0, own] },
    ];
  });
  const measure = async (filters: readonly string[]): Promise<number> => {
    const words = [CALLS, numberOf(syscall), ...args, ...filters].map(String);
    return Number(execFileSync(benchProgram('syscall-loop'), words, { encoding: 'utf8' }));
  };
  const [without, ...measured] = await alternate(
    [
      { name: syscall, run: () => measure([]) },
      ...rows.map(({ name, filters }) => ({ name, run: () => measure(filters) })),
    ],
    rounds,
  );
  const least = without?.median ?? Number.NaN;
  return measured.map(({ name, median }, index) => ({ name, value: median / least, gate: rows[index]?.gate }));
}
