import { expect } from 'chai';
import { LaunchError, type Result, type Sandboxee } from '../../broker/index.js';
import { attackAddon } from '../support/build.js';
import { launchPuppet, type PuppetOptions } from '../support/puppet.js';

/** test/native/gate-tasks.c; inside, `require(process.env.TASKS)`. */
export interface Tasks {
  /** A thread whose fd table is its own, and in it a socketpair. */
  threadWithOwnSocket(): number;
  /** A thread whose fd table is its own, and in it /dev/null in the place of comms. */
  threadWithOtherComms(): number;
  threadWithOwnFilter(): number;
  processInSameMemory(): number;
  helper(): number;
  orphan(): number;
  /** The exit code of a child that was waited for. */
  finished(): number;
  /** Installs a filter that allows everything: the kernel's value, or -errno. */
  allowAll(flags: number): number;
  /** A thread that for ever starts and ends threads, and makes and closes fds. */
  restless(): number;
  /** The caller's thread ends, and another fills this many bytes. */
  endMainThread(bytes: number): number;
}

export type SetupError = Extract<Result, { status: 'setup-error' }>;

/** A puppet that finds `gate-tasks` in `process.env.TASKS`. */
export function launchWithTasks(options: PuppetOptions): Promise<Sandboxee> {
  const tasks = attackAddon('gate-tasks');
  return launchPuppet({
    ...options,
    node: { ...options.node, env: { TASKS: tasks, ...options.node?.env }, read: [tasks] },
  });
}

/** The result of a launch that must not get through the gate. */
export async function refusedLaunch(launching: Promise<Sandboxee>): Promise<Result> {
  let sandboxee: Sandboxee;
  try {
    sandboxee = await launching;
  } catch (error) {
    if (error instanceof LaunchError) return error.result;
    throw error;
  }
  await sandboxee.close();
  throw new Error('it got through the gate');
}

/** Requires that the launch ends as a setup error in this step, and says this. */
export async function expectSetupError(launching: Promise<Sandboxee>, step: string, says: RegExp): Promise<SetupError> {
  const result = await refusedLaunch(launching);
  if (result.status !== 'setup-error')
    throw new Error(`a setup error in ${step} was expected: ${JSON.stringify(result, noBigints)}`);
  expect(result.step, result.detail).to.equal(step);
  expect(result.detail).to.match(says);
  return result;
}

function noBigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
