import { encode, type Instruction, ProgramTooLong } from '../../../broker/policy/bpf/assembler.js';
import { compile } from '../../../broker/policy/bpf/compiler.js';
import { violation } from '../../../broker/policy/bpf/dsl.js';
import { type Rule, sequence } from '../../../broker/policy/bpf/nodes.js';
import { BadRawProgram, bpf, type RawProgram, ruleOf } from '../../../broker/policy/bpf/raw.js';
import { BadProgram, type SyscallData, type Verdict, verdict } from '../../../broker/policy/bpf/simulator.js';
import { ARCHITECTURES } from '../../../broker/policy/syscalls/index.js';
import { type FuzzTarget, mustHold } from '../target.js';

const arch = ARCHITECTURES.x64;
const NUMBER = 1;
const ARGUMENTS_SIZE = 48;
const MOST_INSTRUCTIONS = 60;
const OTHERWISE: Instruction = { code: 0x06, jt: 0, jf: 0, k: 0x7fc00000 };
const RULE_END = violation();

/**
 * Programs that somebody brings, as text or, where the first byte is odd, as `struct sock_filter`s. They are read or refused,
 * and what is compiled of one says of a call what the program itself says of it. The last 48 bytes are the arguments.
 */
export const rawBpf: FuzzTarget = {
  name: 'raw-bpf',
  most: 1 + 8 * MOST_INSTRUCTIONS + ARGUMENTS_SIZE,
  words: [
    ...[
      'load arg0.low\n',
      'load arg1.high\n',
      'load number\n',
      'load architecture\n',
      'and 0xff\n',
      'goto x\n',
      'x: ',
      'y:',
    ],
    ...[
      'if A == 1 goto x\n',
      'if A & 2 goto x else y\n',
      'if A >= 7 goto y\n',
      'return ALLOW\n',
      'return ERRNO EPERM\n',
      'next\n',
    ],
    ...[
      '\x20\0\0\0\x10\0\0\0',
      '\x15\0\x01\0\x01\0\0\0',
      '\x45\0\0\x01\x02\0\0\0',
      '\x54\0\0\0\xff\0\0\0',
      '\x06\0\0\0\0\0\xff\x7f',
    ],
    ...['\x35\0\x01\0\x07\0\0\0', '\x25\0\x01\0\xff\xff\xff\xff', '\x05\0\0\0\x01\0\0\0', '\x06\0\0\0\x01\0\x05\0'],
  ],
  seeds: () => [
    Buffer.from(
      ' load arg0.low\nif A == 1 goto out else other\nother: return ERRNO EPERM\nout: return ALLOW\n'.padEnd(200),
    ),
    Buffer.from(
      ' load arg1.high\nand 0xff\nif A >= 7 goto x\nload number\nif A & 1 goto x\nnext\nx: return KILL_PROCESS\n'.padEnd(
        200,
      ),
    ),
    Buffer.from(
      `\x01\x20\0\0\0\x10\0\0\0\x15\0\0\x01\x01\0\0\0\x06\0\0\0\0\0\xff\x7f\x06\0\0\0\x01\0\x05\0${'\0'.repeat(48)}`,
      'latin1',
    ),
  ],
  run: (input) => {
    const isBinary = (input[0] ?? 0) % 2 === 1;
    const end = Math.max(1, input.length - ARGUMENTS_SIZE);
    const instructions = isBinary ? instructionsOf(input.subarray(1, end)) : [];
    const rule = ruleIn(isBinary ? bpf(instructions) : bpf(input.toString('latin1', 1, end)));
    if (rule === undefined) return;
    const args = Buffer.concat([input.subarray(end), Buffer.alloc(ARGUMENTS_SIZE)]);
    const call = {
      number: NUMBER,
      architecture: arch,
      args: Array.from({ length: 6 }, (_, index) => args.readBigUInt64LE(8 * index)),
    };
    const said = compiled(rule, call);
    if (!isBinary || said === undefined) return;
    const meant = verdictOf(encode([...instructions, OTHERWISE]), call);
    mustHold(meant === undefined || said === meant, `it says ${said} of a call where the program says ${meant}`);
  },
};

function instructionsOf(bytes: Buffer): readonly Instruction[] {
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, index) => ({
    code: bytes.readUInt16LE(8 * index),
    jt: bytes.readUInt8(8 * index + 2),
    jf: bytes.readUInt8(8 * index + 3),
    k: bytes.readUInt32LE(8 * index + 4),
  }));
}

function ruleIn(program: RawProgram): Rule | undefined {
  try {
    return ruleOf(program, NUMBER, arch);
  } catch (error) {
    if (error instanceof BadRawProgram) return undefined;
    throw error;
  }
}

function compiled(rule: Rule, call: SyscallData): string | undefined {
  const rules = new Map([[NUMBER, sequence(rule, RULE_END)]]);
  const filter = { architecture: arch, highest: 400, rules, unlisted: RULE_END, unknown: RULE_END, foreign: RULE_END };
  try {
    return verdictOf(compile(filter), call);
  } catch (error) {
    if (error instanceof ProgramTooLong) return undefined;
    throw error;
  }
}

/** Undefined: it returns what no program of ours does. */
function verdictOf(program: Uint8Array, call: SyscallData): string | undefined {
  try {
    return nameOf(verdict(program, call));
  } catch (error) {
    if (error instanceof BadProgram) return undefined;
    throw error;
  }
}

/** A program that is brought cannot permit: its notifications are violations, but for those that are traced. */
function nameOf(said: Verdict): string {
  if (said.kind === 'errno') return `errno ${said.errno}`;
  return said.kind === 'permit' ? 'notify' : said.kind;
}
