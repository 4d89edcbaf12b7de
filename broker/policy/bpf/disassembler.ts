import { isArchitecture, syscallTable } from '../syscalls/index.js';

/** Readable text, one instruction a line: `  3: if number >= 60 goto 4 else 9        ; exit`. */
export function disassemble(program: Uint8Array): string {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const count = Math.floor(program.byteLength / 8);
  const contents = accumulatorContents(view, count);
  const architecture = findArchitecture(view, count);
  const lines = Array.from({ length: count }, (_, at) => {
    const { code, yes, no, k } = instruction(view, at);
    const text = `${String(at).padStart(4)}: ${operation(code, yes, no, k, contents[at] ?? 'A')}`;
    const comment = contents[at] === NUMBER && isTest(code) ? architecture?.name(k) : undefined;
    return comment === undefined ? text : `${text.padEnd(44)}; ${comment}`;
  });
  return lines.join('\n');
}

const NUMBER = 'number';

interface Decoded {
  readonly code: number;
  /** Absolute targets. */
  readonly yes: number;
  readonly no: number;
  readonly k: number;
}

function instruction(view: DataView, at: number): Decoded {
  const code = view.getUint16(at * 8, true);
  const k = view.getUint32(at * 8 + 4, true);
  if (code === 0x05) return { code, yes: at + 1 + k, no: at + 1 + k, k };
  if (!isTest(code)) return { code, yes: at + 1, no: at + 1, k };
  return { code, yes: at + 1 + view.getUint8(at * 8 + 2), no: at + 1 + view.getUint8(at * 8 + 3), k };
}

function isTest(code: number): boolean {
  return (code & 0x07) === 0x05 && code !== 0x05;
}

function operation(code: number, yes: number, no: number, k: number, accumulator: string): string {
  switch (code) {
    case 0x20:
      return `load ${word(k)}`;
    case 0x54:
      return `and ${hex(k)}`;
    case 0x05:
      return `goto ${yes}`;
    case 0x15:
      return `if ${accumulator} == ${value(k, accumulator)} goto ${yes} else ${no}`;
    case 0x25:
      return `if ${accumulator} > ${value(k, accumulator)} goto ${yes} else ${no}`;
    case 0x35:
      return `if ${accumulator} >= ${value(k, accumulator)} goto ${yes} else ${no}`;
    case 0x45:
      return `if ${accumulator} & ${hex(k)} goto ${yes} else ${no}`;
    case 0x06:
      return `return ${action(k)}`;
    default:
      return `unknown operation ${hex(code)} ${hex(k)}`;
  }
}

function value(k: number, accumulator: string): string {
  return accumulator === NUMBER ? String(k) : hex(k);
}

function hex(k: number): string {
  return `0x${k.toString(16)}`;
}

function word(offset: number): string {
  if (offset === 0) return NUMBER;
  if (offset === 4) return 'architecture';
  const half = offset % 8 === 0 ? 'low' : 'high';
  return offset < 16 ? `instruction-pointer.${half}` : `arg${(offset - 16) >> 3}.${half}`;
}

function action(value: number): string {
  switch ((value & 0xffff0000) >>> 0) {
    case 0x7fff0000:
      return 'ALLOW';
    case 0x7fc00000:
      return ['USER_NOTIF', 'USER_NOTIF trace', 'USER_NOTIF permit'][value & 0xffff] ?? `USER_NOTIF ${value & 0xffff}`;
    case 0x00050000:
      return `ERRNO ${value & 0xffff}`;
    case 0x80000000:
      return 'KILL_PROCESS';
    default:
      return hex(value);
  }
}

/** What is in the accumulator where each instruction begins; one pass suffices, for jumps only go forward. */
function accumulatorContents(view: DataView, count: number): readonly (string | undefined)[] {
  const contents = new Array<string | undefined>(count).fill(undefined);
  for (let at = 0; at < count; at++) {
    const { code, yes, no, k } = instruction(view, at);
    const after = code === 0x20 ? word(k) : code === 0x54 ? `(${contents[at]} & ${hex(k)})` : contents[at];
    if (code === 0x06) continue;
    for (const target of new Set([yes, no])) {
      const known = contents[target];
      contents[target] = known === undefined || known === after ? after : 'A';
    }
  }
  return contents;
}

/** The first thing that a filter of ours compares is the architecture. */
function findArchitecture(view: DataView, count: number): ReturnType<typeof syscallTable> | undefined {
  for (let at = 0; at < count; at++) {
    const { code, k } = instruction(view, at);
    if (code === 0x15 && isArchitecture(k)) return syscallTable(k);
  }
  return undefined;
}
