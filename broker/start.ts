/** What of a plan depends on the executor: what is run, what it sees, when its filter comes into force. */
import { join } from 'node:path';
import { packageRoot } from '../native/locate.js';
import { COMMS_FD } from '../protocols/handshake.js';
import { extraFds, type FdLayout } from './declared-fds.js';
import type { Executor, NodeExecutor, ProgramExecutor } from './executor.js';
import { firstExecOf } from './first-exec.js';
import { filterFlagsOfOne } from './kernel.js';
import type { Tier } from './layers.js';
import type { ResolvedLimits } from './limits.js';
import { type NodeRelease, nodeRelease } from './node-release.js';
import { type FdNumbers, INNER_ID, type PlanIdentity, type PlanInput, type Start } from './plan/build.js';
import type { Mount } from './plan/mounts.js';
import { nodeMounts, type ProgramView, programMounts } from './plan/visible.js';
import { admitFirstExec, type CompiledPolicy, stage0InOneGroup, stage0Program } from './policy/index.js';
import { nodeRlimits, programRlimits, type Rlimit } from './rlimits.js';

export interface StartInput {
  readonly compiled: CompiledPolicy;
  readonly limits: ResolvedLimits;
  readonly identity: PlanIdentity;
  readonly tier: Tier;
  /** Nothing may leave its process group. */
  readonly oneGroup: boolean;
}

export interface StartPlan {
  readonly program: PlanInput['program'];
  readonly mounts: readonly Mount[];
  readonly start: Start;
  readonly rlimits: readonly Rlimit[];
  readonly fds: FdNumbers;
  readonly view: ProgramView | undefined;
}

export function startOf(executor: Executor, input: StartInput): Promise<StartPlan> {
  return executor.kind === 'node' ? startNode(executor, input) : startProgram(executor, input);
}

/** Where this file is there and cannot be opened, Node ends; in a root of its own it is not there. For its children, too. */
const HIDDEN_FILES = { OPENSSL_CONF: '/dev/null' };

async function startNode(executor: NodeExecutor, input: StartInput): Promise<StartPlan> {
  const { compiled, limits, identity, tier, oneGroup } = input;
  const { execPath, script, fds } = executor;
  const release = await nodeRelease(execPath);
  return {
    program: {
      path: execPath,
      argv: [execPath, ...nodeArguments(executor, release), script, ...executor.args],
      env: { ...(tier === 'base' ? HIDDEN_FILES : {}), ...executor.env, ...fds.environment },
      cwd: '/',
    },
    mounts: await nodeMounts({
      execPath,
      script,
      sallyport: { root: packageRoot(), paths: ownPaths() },
      read: executor.read,
      reader: identity.kind === 'root' ? identity : undefined,
    }),
    start: { mode: 'late', stage0: oneGroup ? stage0InOneGroup(compiled.arch) : stage0Program(compiled.arch) },
    rlimits: nodeRlimits(limits, release.major, executor.workerThreads),
    fds: { comms: fds.comms, declared: extraFds(fds).map(({ number }) => number) },
    view: undefined,
  };
}

async function startProgram(executor: ProgramExecutor, { compiled, limits, identity }: StartInput): Promise<StartPlan> {
  const { file, fds, args, argv0 } = executor;
  const interpreter = file.kind === 'path' ? file.interpreter : undefined;
  const path = file.kind === 'path' ? (interpreter?.path ?? file.path) : argv0;
  const declared = extraFds(fds).map(({ number }) => number);
  const executed = file.kind === 'fd' ? freeNumber(fds) : undefined;
  return {
    program: {
      path,
      argv:
        interpreter && file.kind === 'path'
          ? [
              interpreter.path,
              ...(interpreter.argument === undefined ? [] : [interpreter.argument]),
              file.path,
              ...args,
            ]
          : [argv0, ...args],
      env: { ...executor.env, ...fds.environment },
      cwd: executor.cwd,
    },
    mounts: await programMounts(
      file.kind === 'path' ? [file.path, ...executor.read] : executor.read,
      identity.kind === 'root' ? identity : { uid: INNER_ID, gid: INNER_ID },
      executor.view,
    ),
    start: {
      mode: 'exec',
      filter: admitFirstExec(compiled.program, firstExecOf(compiled)),
      flags: filterFlagsOfOne(),
      file: executed,
      onDisk: file.kind === 'fd' && file.fd.kind === 'file',
    },
    rlimits: programRlimits(limits),
    fds: { comms: fds.comms, declared: executed === undefined ? declared : [...declared, executed] },
    view: executor.view,
  };
}

/** It is close-on-exec, so that any number will do which nothing else has; behind the highest there may be none. */
function freeNumber({ comms, placed }: FdLayout): number {
  const taken = new Set([comms, ...placed.map(({ number }) => number)]);
  let free = COMMS_FD + 1;
  while (taken.has(free)) free++;
  return free;
}

/**
 * Where Node can, SIGUSR1 starts no inspector: inside, that is a violation on any signal's say (Node 20 lacks the option;
 * there the SDK handles the signal). No option of V8's is added, such as a heap limit: any makes V8 reject the code cache
 * in the binary, and costs a quarter of Node's start.
 */
function nodeArguments({ execArgv }: NodeExecutor, { major, minor }: NodeRelease): string[] {
  const canDisable = major >= 24 || (major === 22 && minor >= 14);
  return [...(canDisable ? ['--disable-sigusr1'] : []), ...execArgv];
}

/** Of the package itself: nothing of the broker's addon, and no sources. */
function ownPaths(): string[] {
  const root = packageRoot();
  return ['package.json', 'dist', 'native/build/Release/sandboxee.node'].map((path) => join(root, path));
}
