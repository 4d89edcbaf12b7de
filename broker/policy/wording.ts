/** Conditions and actions for people: with the names of the arguments and of the constants that they compare with. */
import type { Action, Answer, Condition, Test } from './bpf/nodes.js';
import { errnoName } from './bpf/printer.js';
import { describeValue } from './describe.js';
import { type ArgumentKind, argumentShapes } from './syscalls/arguments.js';
import type { Architecture, SyscallName } from './syscalls/index.js';

/** `protection has no PROT_EXEC and flags & … is MAP_PRIVATE`; the opposite where it does not hold. */
export function wordCondition(condition: Condition, syscall: SyscallName, arch: Architecture, holds = true): string {
  const word = (each: Condition): string => {
    const text = wordCondition(each, syscall, arch, holds);
    return each.kind === 'all' || each.kind === 'any' ? `(${text})` : text;
  };
  switch (condition.kind) {
    case 'not':
      return wordCondition(condition.condition, syscall, arch, !holds);
    case 'all':
      return condition.conditions.map(word).join(holds ? ' and ' : ' or ') || (holds ? 'always' : 'never');
    case 'any':
      return condition.conditions.map(word).join(holds ? ' or ' : ' and ') || (holds ? 'never' : 'always');
    case 'test':
      return wordTest(condition, syscall, arch, holds);
  }
}

/** Arguments of which single bits mean something. */
const FLAGS: readonly ArgumentKind[] = [
  'hex',
  'mode',
  'open-flags',
  'at-flags',
  'protection',
  'map-flags',
  'clone-flags',
];

function wordTest(test: Test, syscall: SyscallName, arch: Architecture, holds: boolean): string {
  const shape = argumentShapes(syscall)?.[test.argument];
  const name = shape?.name ?? `arg${test.argument}`;
  const kind = shape?.kind ?? 'hex';
  const whole = (1n << BigInt(test.width)) - 1n;
  const value = (bits: bigint): string => describeValue(kind, bits, arch);
  const values = test.values.map(value);
  if (test.mask === whole) return `${name} ${equality(values, holds)}`;
  if (FLAGS.includes(kind) && test.values.length === 1 && test.values[0] === 0n) {
    const others = whole & ~test.mask;
    if (bitsIn(others) < bitsIn(test.mask))
      return `${name} has ${holds ? 'nothing' : 'more'} ${holds ? 'but' : 'than'} ${value(others)}`;
    if (bitsIn(test.mask) === 1) return `${name} has ${holds ? 'no ' : ''}${value(test.mask)}`;
    return `${name} has ${holds ? 'none' : 'some'} of ${value(test.mask)}`;
  }
  const mask = FLAGS.includes(kind) ? value(test.mask) : `0x${test.mask.toString(16)}`;
  return `${name} & (${mask}) ${equality(values, holds)}`;
}

function equality(values: readonly string[], holds: boolean): string {
  if (values.length === 1) return `is ${holds ? '' : 'not '}${values[0]}`;
  return `is ${holds ? 'one' : 'none'} of ${values.join(', ')}`;
}

function bitsIn(value: bigint): number {
  return value.toString(2).replaceAll('0', '').length;
}

/** What becomes of a call, as the end of a sentence that begins with it. */
export function wordAction(action: Action): string {
  switch (action.kind) {
    case 'allow':
      return 'allowed';
    case 'errno':
      return `refused with ${errnoName(action.errno)}, and nobody is told`;
    case 'kill-process':
      return 'the end of the sandboxee by the kernel, which tells nobody why';
    case 'notify':
      return wordAnswer(action.answer);
  }
}

function wordAnswer(answer: Answer): string {
  switch (answer.kind) {
    case 'violation':
      return 'a violation: it ends the sandboxee';
    case 'denial':
      return `refused with ${errnoName(answer.errno)}, and reported as a denial`;
    case 'trace':
      return 'left to the trace hook of the app';
    case 'permit':
      return 'permitted, and only reported';
  }
}
