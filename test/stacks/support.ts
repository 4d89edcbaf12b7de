import {
  describeResult,
  policies,
  type Result,
  type Sandboxee,
  type StackFrame,
  type ThreadStack,
} from '../../broker/index.js';
import { attackAddon } from '../support/build.js';
import { begin, type Kit, launchPuppet, type PuppetOptions } from '../support/puppet.js';

/** test/native/stacks.c; inside, `kit.state.stacks`. */
export interface StackKit {
  map(bytes: bigint, executable: boolean): bigint;
  write(address: bigint, bytes: Buffer): void;
  chain(address: bigint, bytes: bigint, code: bigint): void;
  call(number: bigint, stack: bigint, frame: bigint): void;
  inChild(number: bigint): void;
  threads(count: bigint, name: string): bigint;
}

export const strict = policies.node({ onDenied: 'kill' }).build();

/** A puppet with `state.stacks`. */
export function launchWithStacks(options: PuppetOptions = {}): Promise<Sandboxee> {
  const addon = attackAddon('stacks');
  return launchPuppet({
    before: ({ require, state }) => {
      state.stacks = require(process.env.STACKS ?? '');
    },
    ...options,
    node: { ...options.node, env: { STACKS: addon }, read: [addon] },
  });
}

/**
 * The tables of Node's own file are read with the first stack: on a busy machine that alone can take longer than an end may
 * wait for its stack.
 */
export function readTablesFirst(): void {
  before(async () => {
    await using sandboxee = await launchPuppet();
    await sandboxee.dump();
  });
}

export type ViolationResult = Extract<Result, { status: 'violation'; kind: 'syscall' | 'architecture' }>;

/** The result of an action that the sandboxee does not survive. */
export async function violationBy(
  action: (kit: Required<Kit>) => unknown,
  options: PuppetOptions = {},
): Promise<ViolationResult> {
  await using sandboxee = await launchPuppet({ policy: strict, ...options });
  await begin(sandboxee, action);
  return await violationOf(sandboxee);
}

export async function violationOf(sandboxee: Sandboxee): Promise<ViolationResult> {
  const result = await sandboxee.result;
  if (result.status !== 'violation' || result.kind === 'protocol') {
    throw new Error(`a violation was expected: ${describeResult(result)}; ${result.stderr}`);
  }
  return result;
}

export function framesOf(stack: ThreadStack | undefined): readonly StackFrame[] {
  if (stack === undefined) throw new Error('there is no such thread');
  if ('missing' in stack) throw new Error(`no stack: ${stack.missing}`);
  return stack.frames;
}

/** Of a native frame its symbol, of a JavaScript frame the function that is claimed; empty where there is none. */
export function namesOf(stack: ThreadStack | undefined): string[] {
  return framesOf(stack).map((frame) =>
    frame.kind === 'native' ? (frame.symbol ?? '') : `js:${frame.claimed?.function ?? '?'}`,
  );
}
