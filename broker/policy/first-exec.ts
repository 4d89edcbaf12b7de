/** In exec mode the program's filter is in force before the program: one exec must pass it, whatever the policy says. */
import { encode, type Instruction, OPCODE } from './bpf/assembler.js';
import { ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET, NUMBER_OFFSET, RETURN } from './bpf/compiler.js';
import type { Architecture } from './syscalls/index.js';

export interface FirstExec {
  /** AUDIT_ARCH_*. */
  readonly arch: Architecture;
  /** Its number there. */
  readonly execveat: number;
  /** The sixth, by which it is known. */
  readonly argument: number;
}

/**
 * Puts before a policy's program that an execveat with this sixth argument, which the kernel itself ignores, is for the
 * monitor to decide. It admits the first of the launcher's child before the program begins, and takes any later one for a
 * violation.
 *
 * @param program sock_filter[]
 */
export function admitFirstExec(program: Uint8Array, { arch, execveat, argument }: FirstExec): Uint8Array {
  const toProgram = (from: number): number => prefix.length - from - 1;
  const prefix: Instruction[] = [
    load(ARCHITECTURE_OFFSET),
    equal(arch),
    load(NUMBER_OFFSET),
    equal(execveat),
    load(ARGUMENTS_OFFSET + 8 * 5),
    equal(argument),
    { code: OPCODE.return, jt: 0, jf: 0, k: RETURN.userNotification },
  ];
  const placed = prefix.map((instruction, index) =>
    instruction.code === OPCODE.equal ? { ...instruction, jf: toProgram(index) } : instruction,
  );
  const head = encode(placed);
  const whole = new Uint8Array(head.length + program.length);
  whole.set(head);
  whole.set(program, head.length);
  return whole;
}

function load(offset: number): Instruction {
  return { code: OPCODE.load, jt: 0, jf: 0, k: offset };
}

function equal(k: number): Instruction {
  return { code: OPCODE.equal, jt: 0, jf: 0, k: k >>> 0 };
}
