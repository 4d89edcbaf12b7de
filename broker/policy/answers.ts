/** What the monitor answers, by syscall: it goes by number and arguments, and never reads what the filter has judged. */
import { type Action, type Answer, type Expression, isLeftToMonitor, leaves } from './bpf/nodes.js';
import { printExpression } from './bpf/printer.js';

export const ANSWER_VIOLATION = -1;
export const ANSWER_HAS_PATH = 0x10000;
/** The monitor runs the filter itself: some calls are traced or permitted, and the rest of the entry is for the others. */
export const ANSWER_BY_FILTER = 0x20000;
const ANSWER_PATH_SHIFT = 20;

/** One that refuses the call. */
export type RefusingAnswer = Exclude<Answer, { readonly kind: 'trace' | 'permit' }>;

/** Every way in which one syscall is refused by the monitor has the same answer; a policy with two does not build. */
export function singleAnswer(decision: Expression): RefusingAnswer {
  const answers = answersOf(decision);
  const [first, ...others] = answers;
  if (others.length > 0) throw new Error(`two answers for one syscall: ${printExpression(decision)}`);
  return first ?? { kind: 'violation' };
}

/** The different answers by which the monitor refuses. */
export function answersOf(decision: Expression): readonly RefusingAnswer[] {
  const answers = new Map<number, RefusingAnswer>();
  for (const leaf of leaves(decision)) {
    if (isRefusing(leaf)) answers.set(encodeRefusal(leaf.answer), leaf.answer);
  }
  return [...answers.values()];
}

export function isRefusing(action: Action): action is { readonly kind: 'notify'; readonly answer: RefusingAnswer } {
  return action.kind === 'notify' && !isLeftToMonitor(action);
}

/** As `CompiledPolicy.answers` has it. */
export function encodeAnswer(decision: Expression): number {
  const refusal = encodeRefusal(singleAnswer(decision));
  if (!leaves(decision).some(isLeftToMonitor)) return refusal;
  return (refusal === ANSWER_VIOLATION ? 0 : refusal) | ANSWER_BY_FILTER;
}

function encodeRefusal(answer: RefusingAnswer): number {
  if (answer.kind === 'violation') return ANSWER_VIOLATION;
  if (answer.path === undefined) return answer.errno;
  return answer.errno | ANSWER_HAS_PATH | (answer.path << ANSWER_PATH_SHIFT);
}
