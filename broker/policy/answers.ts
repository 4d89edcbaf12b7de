/** What the monitor answers, by syscall: it goes by the number alone, and never reads what the filter has judged. */
import { type Answer, type Expression, leaves } from './bpf/nodes.js';
import { printExpression } from './bpf/printer.js';

export const ANSWER_VIOLATION = -1;
export const ANSWER_HAS_PATH = 0x10000;
const ANSWER_PATH_SHIFT = 20;

/** Every way in which one syscall comes to the monitor has the same answer; a policy with two does not build. */
export function singleAnswer(decision: Expression): Answer {
  const answers = answersOf(decision);
  const [first, ...others] = answers;
  if (others.length > 0) throw new Error(`two answers for one syscall: ${printExpression(decision)}`);
  return first ?? { kind: 'violation' };
}

/** The different answers that an expression has for the monitor. */
export function answersOf(decision: Expression): readonly Answer[] {
  const answers = new Map<number, Answer>();
  for (const leaf of leaves(decision)) {
    if (leaf.kind === 'notify') answers.set(encodeAnswer(leaf.answer), leaf.answer);
  }
  return [...answers.values()];
}

/** As `CompiledPolicy.answers` has it. */
export function encodeAnswer(answer: Answer): number {
  if (answer.kind === 'violation') return ANSWER_VIOLATION;
  if (answer.path === undefined) return answer.errno;
  return answer.errno | ANSWER_HAS_PATH | (answer.path << ANSWER_PATH_SHIFT);
}
