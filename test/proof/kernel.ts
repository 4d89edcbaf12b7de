/** What this host's kernel decides under a filter, for many calls, none of which is executed. */
import { execFileSync } from 'node:child_process';
import type { Verdict } from '../../broker/policy/bpf/simulator.js';
import { AUDIT_ARCH_X86_64, type SyscallName, syscallTable } from '../../broker/policy/syscalls/index.js';
import { attackProgram } from '../support/build.js';

export const AUDIT_ARCH_I386 = 0x40000003;

/** One call, as `struct seccomp_data` has it. */
export interface Request {
  readonly number: number;
  readonly architecture: number;
  /** Six. */
  readonly args: readonly bigint[];
}

export interface Batch {
  readonly program: Uint8Array;
  /** Of the host's architecture, or of i386 on x64; at most 65,536. */
  readonly requests: readonly Request[];
}

/**
 * The kernel lets these pass without asking any filter (seccomp_uprobe_exception() in kernel/seccomp.c, since 6.14 and
 * 6.18): they are what its own probes put into a program. Made from anywhere else, the first is a SIGILL and the second
 * ENXIO.
 */
export const UNFILTERED: readonly SyscallName[] = ['uretprobe', 'uprobe'];
const unfilteredNumbers = new Set(UNFILTERED.map((name) => syscallTable(AUDIT_ARCH_X86_64).number(name)));

/** Whether the kernel asks the filter at all. */
export function isFiltered({ architecture, number }: Request): boolean {
  return architecture !== AUDIT_ARCH_X86_64 || !unfilteredNumbers.has(number);
}

/** Errnos that no filter of the tests answers by itself. */
const MARKS = { allow: 1001, notify: 1002, 'kill-process': 1003, trace: 1004, permit: 1005 } as const;

const RETURN = 0x06; // BPF_RET | BPF_K
const ERRNO = 0x00050000;
const MARKED: ReadonlyMap<number, number> = new Map([
  [0x7fff0000, MARKS.allow],
  [0x7fc00000, MARKS.notify],
  // By the data of a notification, which tells the monitor what the kernel itself does not look at.
  [0x7fc00001, MARKS.trace],
  [0x7fc00002, MARKS.permit],
  [0x80000000, MARKS['kill-process']],
]);

/**
 * The same program with an errno of its own for each action: every branch stays what it was, and no call is executed, no
 * process killed. What it cannot show is the kernel's cache of numbers that are allowed (kernel.test.ts has the actions
 * as they are).
 */
export function marked(program: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(program);
  const view = new DataView(copy.buffer);
  for (let at = 0; at < copy.length; at += 8) {
    if (view.getUint16(at, true) !== RETURN) continue;
    const value = view.getUint32(at + 4, true);
    const action = (value & 0xffff0000) >>> 0;
    const mark = action === ERRNO ? value & 0xffff : MARKED.get(value);
    if (mark === undefined) throw new Error(`no mark for a return of 0x${value.toString(16)}`);
    view.setUint32(at + 4, ERRNO | mark, true);
  }
  return copy;
}

/** The errno by which the marked program shows a verdict. */
export function markOf(verdict: Verdict): number {
  return verdict.kind === 'errno' ? verdict.errno : MARKS[verdict.kind];
}

/**
 * ENOTSUPP, for all calls of a batch: the kernel did not take the filter. Its JIT for x86-64 does not come to an end on
 * one of some 100,000 random filters, valid as they are ("bpf_jit: fatal error" in its log; 6.18), and most kernels
 * are built without an interpreter to fall back to.
 */
export const UNTRANSLATABLE = 524;

const HEADER_BYTES = 8;
const CALL_BYTES = 56;

/** The marks, in the order of the batches and of their requests. */
export function decideByKernel(batches: readonly Batch[]): Int32Array {
  const output = execFileSync(attackProgram('decide'), {
    input: Buffer.concat(batches.map(encode)),
    maxBuffer: 1 << 26,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const marks = new Int32Array(output.length / 4);
  for (let index = 0; index < marks.length; index += 1) marks[index] = output.readInt32LE(index * 4);
  return marks;
}

function encode({ program, requests }: Batch): Buffer {
  const filter = marked(program);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + filter.length + requests.length * CALL_BYTES);
  bytes.writeUInt32LE(filter.length / 8, 0);
  bytes.writeUInt32LE(requests.length, 4);
  bytes.set(filter, HEADER_BYTES);
  let at = HEADER_BYTES + filter.length;
  for (const { number, architecture, args } of requests) {
    bytes.writeUInt32LE(architecture === AUDIT_ARCH_I386 ? 1 : 0, at);
    bytes.writeInt32LE(number | 0, at + 4);
    for (let index = 0; index < 6; index += 1) bytes.writeBigUInt64LE(args[index] ?? 0n, at + 8 + index * 8);
    at += CALL_BYTES;
  }
  return bytes;
}
