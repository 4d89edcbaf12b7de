import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  dangerouslyAllowExecutableMemory,
  type Fd,
  type LaunchOptions,
  launch,
  type Policy,
  PolicyBuilder,
  type ProgramOptions,
  policies,
  program,
  type Result,
  type Sandboxee,
} from '../../broker/index.js';
import { whyRefusedAltogether } from '../../broker/policy/refused.js';
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_X86_64,
  type SyscallName,
  syscallTable,
} from '../../broker/policy/syscalls/index.js';
import { attackProgram } from '../support/build.js';
import { begin, type Kit, launchPuppet, perform } from '../support/puppet.js';

export type Argument = number | bigint | string;

/** A syscall and its arguments; text stands for its address, `bytes:N` for that of N zeros. */
export type Call = readonly [name: SyscallName, ...values: Argument[]];

/** A syscall that ends the sandboxee. */
export interface ViolatingCall {
  readonly call: Call;
  /** The whole of what the result says. */
  readonly says: string | RegExp;
}

export type ViolationResult = Extract<Result, { status: 'violation' }>;

const architecture = process.arch === 'arm64' ? AUDIT_ARCH_AARCH64 : AUDIT_ARCH_X86_64;

export function numberOf(name: SyscallName): number {
  const number = syscallTable(architecture).number(name);
  if (number === undefined) throw new Error(`this architecture has no ${name}`);
  return number;
}

/** Everything that can be allowed. */
export const widest: Policy = new PolicyBuilder({ name: 'widest' })
  .allowMmap(dangerouslyAllowExecutableMemory)
  .allowMprotect(dangerouslyAllowExecutableMemory)
  .allowPkeyMprotect(dangerouslyAllowExecutableMemory)
  .allowSyscalls(...[...syscallTable(architecture).names()].filter((name) => whyRefusedAltogether(name) === undefined))
  .build();

/** Node's by the late mode, and that of a program in C that is filtered from its first instruction. */
const presets = { late: policies.node().build(), exec: policies.staticBinary().build() };

type Mode = keyof typeof presets;
const MODES: readonly Mode[] = ['late', 'exec'];

/** One test for each call and mode, under the preset: it is reported in these words, and nothing of the sandboxee is left. */
export function itEnds(attacks: readonly ViolatingCall[]): void {
  for (const mode of MODES) {
    for (const attack of attacks) {
      it(`${title(attack.call)}, ${mode}`, () => expectViolation(mode, attack, presets[mode]));
    }
  }
}

/** The same under the preset and under a policy that allows everything that can be allowed. */
export function itAlwaysEnds(attacks: readonly ViolatingCall[]): void {
  for (const mode of MODES) {
    for (const attack of attacks) {
      it(`${title(attack.call)}, ${mode}`, async () => {
        await expectViolation(mode, attack, presets[mode]);
        await expectViolation(mode, attack, widest);
      });
    }
  }
}

async function launchCall(mode: Mode, [name, ...values]: Call, policy: Policy): Promise<Sandboxee> {
  if (mode === 'exec') return launchIntruder(['syscall', String(numberOf(name)), ...values.map(asWord)], { policy });
  const sandboxee = await launchPuppet({ policy });
  await begin(sandboxee, makeCall, numberOf(name), ...values);
  return sandboxee;
}

/** As test/native/intruder.c takes it. */
function asWord(value: Argument): string {
  if (typeof value !== 'string') return String(value);
  return /^bytes:\d+$/.test(value) ? 'b:' : `s:${value}`;
}

/** test/native/intruder.c: what it tries, and with what. */
export function launchIntruder(
  args: readonly string[],
  options: LaunchOptions,
  executor: ProgramOptions = {},
): Promise<Sandboxee> {
  const intruder = program(attackProgram('intruder'), { ...executor, args });
  return launch(intruder, { ...options, limits: { wallTime: 40_000, ...options.limits } });
}

async function expectViolation(mode: Mode, { call, says }: ViolatingCall, policy: Policy): Promise<void> {
  await using sandboxee = await launchCall(mode, call, policy);
  const [name] = call;
  const result = await violationOf(sandboxee);
  if (result.kind !== 'syscall') throw new Error(`a violation of kind ${result.kind}`);
  expect(result.syscall, policy.name).to.include({ name, number: numberOf(name) });
  if (typeof says === 'string') expect(result.syscall.text).to.equal(says);
  else expect(result.syscall.text).to.match(says);
}

function title([name, ...values]: Call): string {
  return `${name}(${values.map(shown).join(', ')})`;
}

function shown(value: Argument): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return -1024 < value && value < 1024 ? String(value) : `0x${value.toString(16)}`;
}

/** Makes one syscall inside: the kernel's value or -errno. For `perform` and `begin`. */
export function makeCall({ attack }: Kit, number: number, ...values: Argument[]): number {
  const memory = values.map((value) => {
    if (typeof value !== 'string') return value;
    const size = /^bytes:(\d+)$/.exec(value)?.[1];
    return size === undefined ? Buffer.from(`${value}\0`) : Buffer.alloc(Number(size));
  });
  return attack.syscall(number, ...memory);
}

/** Makes one syscall inside that the sandboxee survives: the kernel's value, or -errno. */
export function call(sandboxee: Sandboxee, [name, ...values]: Call): Promise<number> {
  return perform(sandboxee, makeCall, numberOf(name), ...values);
}

/** Moves an fd to the sandboxee, which keeps it: its number there. */
export async function passFd(sandboxee: Sandboxee, fd: Fd): Promise<number> {
  await begin(sandboxee, async ({ gate, state }) => {
    const received = await gate.comms.recvFd();
    state[`fd ${received.number}`] = received;
    return received.number;
  });
  await sandboxee.comms.sendFd(fd);
  const { value } = (await sandboxee.comms.recvValue()) as { value: number };
  return value;
}

/** Waits for the end of a sandboxee, which must be a violation that leaves no process behind. */
export async function violationOf(sandboxee: Sandboxee): Promise<ViolationResult> {
  const { pid } = sandboxee;
  const init = parentOf(pid);
  const result = await sandboxee.result;
  if (result.status !== 'violation') throw new Error(`a violation was expected, not ${result.status}`);
  for (const process of [pid, init])
    expect(existsSync(`/proc/${process}`), `process ${process} still exists`).to.equal(false);
  return result;
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  } catch {
    return undefined;
  }
}

/** The error that a launch ends with. */
export async function failureOf(launching: Promise<unknown>): Promise<Error> {
  try {
    await launching;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail');
}
