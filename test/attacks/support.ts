import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  dangerouslyAllowExecutableMemory,
  type Fd,
  type Policy,
  PolicyBuilder,
  policies,
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

const preset = policies.node().build();

/** One test for each call, under the preset: it is reported in these words, and nothing of the sandboxee is left. */
export function itEnds(attacks: readonly ViolatingCall[]): void {
  for (const attack of attacks) it(title(attack.call), () => expectViolation(attack, preset));
}

/** The same under the preset and under a policy that allows everything that can be allowed. */
export function itAlwaysEnds(attacks: readonly ViolatingCall[]): void {
  for (const attack of attacks) {
    it(title(attack.call), async () => {
      await expectViolation(attack, preset);
      await expectViolation(attack, widest);
    });
  }
}

async function expectViolation({ call: [name, ...values], says }: ViolatingCall, policy: Policy): Promise<void> {
  await using sandboxee = await launchPuppet({ policy });
  await begin(sandboxee, makeCall, numberOf(name), ...values);
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
