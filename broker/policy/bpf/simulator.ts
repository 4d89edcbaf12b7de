/**
 * Runs a filter as the kernel would. Written from linux/bpf_common.h and linux/seccomp.h alone, and sharing nothing with
 * the compiler and the assembler, so that a mistake there cannot hide here.
 */

/** `struct seccomp_data`. */
export interface SyscallData {
  readonly number: number;
  readonly architecture: number;
  readonly instructionPointer?: bigint;
  /** Six; missing ones are 0. */
  readonly args?: readonly bigint[];
}

export type Verdict =
  | { readonly kind: 'allow' }
  | { readonly kind: 'errno'; readonly errno: number }
  | { readonly kind: 'notify' }
  /** To the kernel a notification like the other. The monitor asks the app's hook. */
  | { readonly kind: 'trace' }
  /** The same. The monitor lets it go on, and reports it. */
  | { readonly kind: 'permit' }
  | { readonly kind: 'kill-process' };

/** A filter that the kernel would refuse to load, or would not survive. */
export class BadProgram extends Error {
  constructor(at: number, problem: string) {
    super(`instruction ${at}: ${problem}`);
    this.name = 'BadProgram';
  }
}

export interface Run {
  readonly verdict: Verdict;
  /** Instructions that were executed. */
  readonly steps: number;
  /** Whether an argument or the instruction pointer was read; the kernel caches only what allows without. */
  readonly readArguments: boolean;
}

export function simulate(program: Uint8Array, data: SyscallData): Run {
  return new Machine(program, data).run();
}

/** The verdict alone. */
export function verdict(program: Uint8Array, data: SyscallData): Verdict {
  return simulate(program, data).verdict;
}

const DATA_BYTES = 64;

class Machine {
  readonly #program: DataView;
  readonly #data: DataView;
  readonly #length: number;
  #accumulator = 0;
  #readArguments = false;

  constructor(program: Uint8Array, data: SyscallData) {
    this.#length = program.byteLength / 8;
    if (!Number.isInteger(this.#length) || this.#length < 1 || this.#length > 4096) {
      throw new BadProgram(0, `${program.byteLength} bytes are not 1 to 4096 instructions of 8 bytes`);
    }
    this.#program = new DataView(program.buffer, program.byteOffset, program.byteLength);
    this.#data = new DataView(new ArrayBuffer(DATA_BYTES));
    this.#data.setInt32(0, data.number | 0, true);
    this.#data.setUint32(4, data.architecture, true);
    this.#data.setBigUint64(8, BigInt.asUintN(64, data.instructionPointer ?? 0n), true);
    for (let index = 0; index < 6; index++) {
      this.#data.setBigUint64(16 + index * 8, BigInt.asUintN(64, data.args?.[index] ?? 0n), true);
    }
  }

  run(): Run {
    let at = 0;
    for (let steps = 1; ; steps++) {
      if (at >= this.#length) throw new BadProgram(at, 'the filter runs past its end');
      const code = this.#program.getUint16(at * 8, true);
      const operand = this.#program.getUint32(at * 8 + 4, true);
      switch (code) {
        case 0x06: // BPF_RET | BPF_K
          return { verdict: readVerdict(at, operand), steps, readArguments: this.#readArguments };
        case 0x20: // BPF_LD | BPF_W | BPF_ABS
          this.#load(at, operand);
          at += 1;
          break;
        case 0x54: // BPF_ALU | BPF_AND | BPF_K
          this.#accumulator = (this.#accumulator & operand) >>> 0;
          at += 1;
          break;
        case 0x05: // BPF_JMP | BPF_JA
          at += 1 + operand;
          break;
        default: {
          const taken = this.#test(at, code, operand);
          at += 1 + this.#program.getUint8(at * 8 + (taken ? 2 : 3));
        }
      }
    }
  }

  #load(at: number, offset: number): void {
    if (offset % 4 !== 0 || offset >= DATA_BYTES) throw new BadProgram(at, `there is no word at offset ${offset}`);
    if (offset >= 8) this.#readArguments = true;
    this.#accumulator = this.#data.getUint32(offset, true);
  }

  #test(at: number, code: number, operand: number): boolean {
    switch (code) {
      case 0x15: // BPF_JMP | BPF_JEQ | BPF_K
        return this.#accumulator === operand;
      case 0x25: // BPF_JMP | BPF_JGT | BPF_K
        return this.#accumulator > operand;
      case 0x35: // BPF_JMP | BPF_JGE | BPF_K
        return this.#accumulator >= operand;
      case 0x45: // BPF_JMP | BPF_JSET | BPF_K
        return (this.#accumulator & operand) !== 0;
      default:
        throw new BadProgram(at, `seccomp takes no operation 0x${code.toString(16)}`);
    }
  }
}

function readVerdict(at: number, value: number): Verdict {
  const action = (value & 0xffff0000) >>> 0;
  switch (action) {
    case 0x7fff0000:
      return { kind: 'allow' };
    case 0x7fc00000:
      return readNotification(at, value & 0xffff);
    case 0x00050000:
      return { kind: 'errno', errno: Math.min(value & 0xffff, 4095) };
    case 0x80000000:
      return { kind: 'kill-process' };
    default:
      throw new BadProgram(at, `0x${value.toString(16)} is no action that a policy of ours has`);
  }
}

function readNotification(at: number, data: number): Verdict {
  switch (data) {
    case 0:
      return { kind: 'notify' };
    case 1:
      return { kind: 'trace' };
    case 2:
      return { kind: 'permit' };
    default:
      throw new BadProgram(at, `a notification has no data ${data}`);
  }
}
