import { buildPlan, type PlanIdentity, type PlanInput } from '../../broker/plan/build.js';
import { type BasePlanInput, buildBasePlan, reachOf } from '../../broker/plan/build-base.js';
import { encodePlan } from '../../broker/plan/encode.js';
import type { Step } from '../../broker/plan/steps.js';
import { hostArchitecture, launcherProgram, stage0InOneGroup, stage0Program } from '../../broker/policy/index.js';
import { probe } from '../../native/broker.js';
import { type Outcome, type RunOptions, runPlan, USER } from './run.js';
import { theWorld } from './world.js';

export interface Who {
  readonly name: string;
  readonly asUser: boolean;
  readonly identity: PlanIdentity;
  /** The ids that the program sees. */
  readonly inner: number;
}

const LEASED = 1_900_100_000;

export const AS_ROOT: Who = {
  name: 'as root',
  asUser: false,
  identity: { kind: 'root', uid: LEASED, gid: LEASED },
  inner: LEASED,
};
export const AS_USER: Who = {
  name: 'as an ordinary user',
  asUser: true,
  identity: { kind: 'user', uid: USER, gid: USER },
  inner: 1000,
};

/** A filter of one instruction, SECCOMP_RET_ALLOW. */
export const ALLOW_ALL = Uint8Array.of(0x06, 0, 0, 0, 0, 0, 0xff, 0x7f);

const DEVICES = ['/dev/null', '/dev/zero', '/dev/random', '/dev/urandom'];

/** A plan of the tier base for the probe, at its own place. */
export function baseProbePlan(
  who: Who,
  questions: readonly string[],
  landlockAbi: number,
  changes: Partial<BasePlanInput> = {},
): Step[] {
  const architecture = hostArchitecture();
  const path = theWorld().probe;
  const oneGroup = reachOf(who.identity, landlockAbi) === 'group';
  return buildBasePlan({
    identity: who.identity,
    program: { path, argv: ['probe', ...questions], env: {}, cwd: '/' },
    files: [
      { kind: 'file', path, writable: false },
      { kind: 'sink', path: '/dev/null', writable: false },
    ],
    rlimits: [
      { resource: 'core', soft: 1, hard: 1 },
      { resource: 'nproc', soft: 256, hard: 256 },
    ],
    oomScoreAdj: 100,
    start: { mode: 'late', stage0: oneGroup ? stage0InOneGroup(architecture) : stage0Program(architecture) },
    supervisor: launcherProgram(architecture),
    landlockAbi,
    speculationControls: true,
    fds: { comms: 3, declared: [] },
    cgroups: 0,
    terminal: undefined,
    writeExecutable: false,
    ...changes,
  });
}

/** A plan for the probe as /probe and nothing else, with everything in force. */
export function probePlan(who: Who, questions: readonly string[], changes: Partial<PlanInput> = {}): Step[] {
  const architecture = hostArchitecture();
  return buildPlan({
    identity: who.identity,
    program: { path: '/probe', argv: ['probe', ...questions], env: {}, cwd: '/' },
    mounts: [probeMount(), ...deviceMounts()],
    tmpfs: [],
    writableRoot: undefined,
    writeExecutable: false,
    network: 'none',
    hostname: 'sandboxee',
    terminal: undefined,
    rlimits: [{ resource: 'core', soft: 1, hard: 1 }],
    oomScoreAdj: 100,
    start: { mode: 'late', stage0: stage0Program(architecture) },
    supervisor: launcherProgram(architecture),
    landlockAbi: probe().landlockAbi,
    speculationControls: true,
    cgroups: 0,
    fds: { comms: 3, declared: [] },
    ...changes,
  });
}

export function probeMount(): PlanInput['mounts'][number] {
  return { kind: 'file', source: theWorld().probe, target: '/probe' };
}

export function deviceMounts(): PlanInput['mounts'] {
  return DEVICES.map((path) => ({ kind: 'device', source: path, target: path }));
}

/** Runs the probe, and returns its answers by question. */
export async function ask(
  who: Who,
  questions: readonly string[],
  changes: Partial<PlanInput> = {},
  options: RunOptions = {},
): Promise<Map<string, string>> {
  const outcome = await runPlan(encodePlan(probePlan(who, questions, changes)), { ...options, asUser: who.asUser });
  return answers(outcome);
}

export function answers({ stdout, stderr, exited, failed }: Outcome): Map<string, string> {
  if (failed !== undefined) throw new Error(`${failed.step}: ${failed.errnoName}: ${failed.detail}`);
  if (exited?.kind !== 'exited' || exited.code !== 0)
    throw new Error(`the probe ended with ${JSON.stringify(exited)}: ${stdout}${stderr}`);
  return new Map(stdout.trimEnd().split('\n').map(questionAndAnswer));
}

function questionAndAnswer(line: string): [string, string] {
  const tab = line.indexOf('\t');
  return [line.slice(0, tab), line.slice(tab + 1).trimEnd()];
}

/** The answer to one question. */
export async function askOne(
  who: Who,
  question: string,
  changes: Partial<PlanInput> = {},
  options: RunOptions = {},
): Promise<string> {
  return (await ask(who, [question], changes, options)).get(question) ?? 'no answer';
}
