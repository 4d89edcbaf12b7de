/** The operations of a raw program, from its text or from its instructions, with every jump checked. */
import { constants } from 'node:os';
import { type Instruction, MAX_INSTRUCTIONS, OPCODE } from './assembler.js';
import { NOTIFICATION_DATA } from './compiler.js';
import { allow, errno, killProcess, trace, violation } from './dsl.js';
import type { Action } from './nodes.js';

/** Targets are indices of operations; the number of operations is that of the end. */
export type Operation = { readonly line: number } & (
  | { readonly kind: 'load'; readonly word: string }
  | { readonly kind: 'and'; readonly mask: number }
  | { readonly kind: 'goto'; readonly target: number }
  | {
      readonly kind: 'if';
      /** How the program calls the accumulator: `A`, or what it holds. */
      readonly says: string;
      readonly test: 'equal' | 'at-least' | 'bits';
      readonly value: number;
      readonly yes: number;
      readonly no: number;
    }
  | { readonly kind: 'return'; readonly action: Action }
  | { readonly kind: 'next' }
);

/** `line` is the index of what cannot be, in the text or the list; `undefined` where it is the program as a whole. */
export class BadRawProgram extends Error {
  readonly line: number | undefined;

  constructor(line: number | undefined, problem: string) {
    super(problem);
    this.name = 'BadRawProgram';
    this.line = line;
  }
}

/** Throws `BadRawProgram`. */
export function operationsOf(source: readonly string[] | readonly Instruction[]): readonly Operation[] {
  const [first] = source;
  const operations =
    typeof first === 'string'
      ? fromText(source as readonly string[])
      : fromInstructions(source as readonly Instruction[]);
  if (operations.length === 0) throw new BadRawProgram(undefined, 'the program is empty');
  if (operations.length > MAX_INSTRUCTIONS) {
    throw new BadRawProgram(
      undefined,
      `it has ${operations.length} instructions and the kernel takes ${MAX_INSTRUCTIONS}`,
    );
  }
  return operations;
}

// Text

interface Line {
  readonly line: number;
  readonly text: string;
}

function fromText(source: readonly string[]): readonly Operation[] {
  const labels = new Map<string, number>();
  const lines: Line[] = [];
  for (const [line, written] of source.entries()) {
    let text = written.replace(/;.*$/, '').trim();
    for (let label = LABEL.exec(text); label !== null; label = LABEL.exec(text)) {
      const [whole, name = ''] = label;
      if (labels.has(name)) throw new BadRawProgram(line, `the label '${name}' is there twice`);
      labels.set(name, lines.length);
      text = text.slice(whole.length);
    }
    if (text !== '') lines.push({ line, text });
  }
  return lines.map((line, at) => operation(line, at, labels));
}

const LABEL = /^([\w-]+):\s*/;
const LOAD = /^load (number|architecture|arg[0-5]\.(?:low|high))$/;
const AND = /^and (\S+)$/;
const GOTO = /^goto (\S+)$/;
const IF = /^if (.+) (==|!=|>=|<=|>|<|&) (\S+) goto (\S+)(?: else (\S+))?$/;
const RETURN = /^return (\S+)(?: (\S+))?$/;

function operation({ line, text }: Line, at: number, labels: ReadonlyMap<string, number>): Operation {
  const target = (label: string): number => forward(line, at, labels.get(label), `'${label}'`);
  const load = LOAD.exec(text);
  if (load !== null) return { line, kind: 'load', word: load[1] ?? '' };
  const and = AND.exec(text);
  if (and !== null) return { line, kind: 'and', mask: word(line, and[1] ?? '') };
  const goto = GOTO.exec(text);
  if (goto !== null) return { line, kind: 'goto', target: target(goto[1] ?? '') };
  const test = IF.exec(text);
  if (test !== null) {
    const [, says = '', comparison = '', value = '', yes = '', no] = test;
    const otherwise = no === undefined ? at + 1 : target(no);
    return compare(line, says, comparison, word(line, value), target(yes), otherwise);
  }
  const end = RETURN.exec(text);
  if (end !== null) return { line, kind: 'return', action: action(line, end[1] ?? '', end[2]) };
  if (text === 'next') return { line, kind: 'next' };
  throw new BadRawProgram(line, `'${text}' is no operation: load, and, if, goto, return and next are`);
}

function compare(line: number, says: string, comparison: string, value: number, yes: number, no: number): Operation {
  const same = { line, kind: 'if', says } as const;
  switch (comparison) {
    case '==':
      return { ...same, test: 'equal', value, yes, no };
    case '!=':
      return { ...same, test: 'equal', value, yes: no, no: yes };
    case '&':
      return { ...same, test: 'bits', value, yes, no };
    case '>=':
      return { ...same, test: 'at-least', value, yes, no };
    case '<':
      return { ...same, test: 'at-least', value, yes: no, no: yes };
    default: {
      const [above, below] = comparison === '>' ? [yes, no] : [no, yes];
      if (value === LARGEST) return { line, kind: 'goto', target: below };
      return { ...same, test: 'at-least', value: value + 1, yes: above, no: below };
    }
  }
}

const LARGEST = 0xffffffff;

function word(line: number, text: string): number {
  const value = /^(?:0x[0-9a-f]+|-?\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (value >= -(2 ** 31) && value <= LARGEST) return value >>> 0;
  throw new BadRawProgram(line, `'${text}' is no number of 32 bits: write 42, -1 or 0x2a`);
}

function action(line: number, name: string, operand: string | undefined): Action {
  if (name === 'ERRNO' && operand !== undefined) return errno(errnoNumber(line, operand));
  // As the disassembler writes what is traced.
  if (name === 'USER_NOTIF' && operand === 'trace') return trace();
  const known = ACTIONS.get(name);
  if (known !== undefined && operand === undefined) return known;
  throw new BadRawProgram(
    line,
    `a program returns ALLOW, ERRNO with an error, USER_NOTIF, TRACE or KILL_PROCESS, not ${name}`,
  );
}

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['ALLOW', allow()],
  ['USER_NOTIF', violation()],
  ['TRACE', trace()],
  ['KILL_PROCESS', killProcess()],
]);

function errnoNumber(line: number, text: string): number {
  const named = Object.entries(constants.errno).find(([name]) => name === text)?.[1];
  const number = named ?? (/^\d+$/.test(text) ? Number(text) : 0);
  if (number >= 1 && number <= 4095) return number;
  throw new BadRawProgram(line, `'${text}' is no errno: write EPERM, or a number from 1 to 4095`);
}

/** The kernel takes no jump backward, and none beyond the end. */
function forward(line: number, at: number, target: number | undefined, name: string): number {
  if (target === undefined) throw new BadRawProgram(line, `it jumps out of bounds: there is no label ${name}`);
  if (target <= at) throw new BadRawProgram(line, `it jumps backward to ${name}, and jumps only go forward`);
  return target;
}

// Instructions

const GREATER = 0x25; // BPF_JMP | BPF_JGT | BPF_K

function fromInstructions(source: readonly Instruction[]): readonly Operation[] {
  return source.map((instruction, line): Operation => {
    const { code, jt, jf, k } = instruction;
    if (
      ![code, jt, jf, k].every((field) => Number.isInteger(field) && field >= 0) ||
      jt > 255 ||
      jf > 255 ||
      k > LARGEST
    ) {
      throw new BadRawProgram(line, 'code, jt, jf and k are unsigned numbers of 16, 8, 8 and 32 bits');
    }
    const to = (distance: number): number => {
      const target = line + 1 + distance;
      if (target <= source.length) return target;
      throw new BadRawProgram(line, `it jumps out of bounds: to instruction ${target} of ${source.length}`);
    };
    const test = {
      line,
      kind: 'if',
      says: 'A',
      yes: to(isTest(code) ? jt : 0),
      no: to(isTest(code) ? jf : 0),
    } as const;
    switch (code) {
      case OPCODE.load:
        return { line, kind: 'load', word: wordAt(line, k) };
      case OPCODE.and:
        return { line, kind: 'and', mask: k };
      case OPCODE.jump:
        return { line, kind: 'goto', target: to(k) };
      case OPCODE.equal:
        return { ...test, test: 'equal', value: k };
      case OPCODE['at-least']:
        return { ...test, test: 'at-least', value: k };
      case OPCODE.bits:
        return { ...test, test: 'bits', value: k };
      case GREATER:
        if (k === LARGEST) return { line, kind: 'goto', target: test.no };
        return { ...test, test: 'at-least', value: k + 1 };
      case OPCODE.return:
        return { line, kind: 'return', action: actionOf(line, k) };
      default:
        throw new BadRawProgram(
          line,
          `a rule is made of loads, AND, comparisons with a constant, jumps and returns; 0x${code.toString(16)} is none`,
        );
    }
  });
}

function isTest(code: number): boolean {
  return code === OPCODE.equal || code === OPCODE['at-least'] || code === OPCODE.bits || code === GREATER;
}

/** Offsets in `struct seccomp_data`. */
function wordAt(line: number, offset: number): string {
  if (offset === 0) return 'number';
  if (offset === 4) return 'architecture';
  if (offset >= 16 && offset < 64 && offset % 4 === 0) {
    return `arg${(offset - 16) >> 3}.${offset % 8 === 0 ? 'low' : 'high'}`;
  }
  throw new BadRawProgram(
    line,
    `there is nothing at offset ${offset} that a rule may look at: the number is at 0, argument N at 16 + 8 × N`,
  );
}

/** SECCOMP_RET_*. */
function actionOf(line: number, value: number): Action {
  const data = value & 0xffff;
  switch ((value & 0xffff0000) >>> 0) {
    case 0x7fff0000:
      return allow();
    case 0x7fc00000:
      return data === NOTIFICATION_DATA.trace ? trace() : violation();
    case 0x7ff00000:
      return trace();
    case 0x80000000:
      return killProcess();
    case 0x00050000:
      if (data >= 1 && data <= 4095) return errno(data);
      throw new BadRawProgram(line, `ERRNO ${data} is no error: they go from 1 to 4095`);
    case 0x00000000:
      throw new BadRawProgram(line, 'KILL_THREAD leaves the other threads running: return KILL_PROCESS or USER_NOTIF');
    case 0x00030000:
      throw new BadRawProgram(line, 'TRAP lets the sandboxee go on: return ERRNO or USER_NOTIF');
    default:
      throw new BadRawProgram(
        line,
        `0x${value.toString(16)} is none of ALLOW, ERRNO, USER_NOTIF, TRACE and KILL_PROCESS`,
      );
  }
}
