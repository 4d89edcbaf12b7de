import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { layOut } from './declared-fds.js';
import { kernelFeatures } from './kernel.js';
import { buildPlan, type PlanIdentity } from './plan/build.js';
import { encodePlan } from './plan/encode.js';
import { OPERATIONS } from './plan/ops.js';
import { hostArchitecture, launcherProgram, stage0Program } from './policy/index.js';
import type { StepFailure } from './process/launched.js';
import { wire } from './wiring.js';

/** In the root of the trial there is nothing. */
const NO_PROGRAM = '/program';

/** It ended without a word of the launcher's. */
const SILENT: StepFailure = { index: 0, op: 0, errno: 0, detail: 'the launcher ended without a word' };

/** Carries out every step of the tier full for a program that does not exist, and tells what else was wrong. */
export async function tryFull(identity: PlanIdentity): Promise<StepFailure | 'none'> {
  const arch = hostArchitecture();
  const fds = layOut({}, 'trial');
  const plan = buildPlan({
    identity,
    program: { path: NO_PROGRAM, argv: [NO_PROGRAM], env: {}, cwd: '/' },
    mounts: [],
    tmpfs: [],
    writableRoot: undefined,
    writeExecutable: false,
    network: 'none',
    hostname: 'trial',
    rlimits: [],
    oomScoreAdj: 0,
    start: { mode: 'late', stage0: stage0Program(arch) },
    supervisor: launcherProgram(arch),
    landlockAbi: kernelFeatures().landlockAbi,
    speculationControls: false,
    fds: { comms: fds.comms, declared: [] },
    cgroups: 0,
    terminal: undefined,
  });
  const { process, comms, stdout, stderr } = wire(encodePlan(plan), fds, undefined, 'full', undefined);
  const { failure } = await process.ended;
  for (const fd of [comms, stdout, stderr]) if (fd !== undefined) closeSync(fd);
  if (failure?.op === OPERATIONS.run.op && failure.errno === constants.errno.ENOENT) return 'none';
  return failure ?? SILENT;
}
