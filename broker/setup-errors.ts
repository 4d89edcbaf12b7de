import type { ExitStatus } from '../native/broker.js';
import { GateError } from './gate.js';
import { hintFor } from './hints.js';
import { errnoName, signalName } from './kernel-names.js';
import { OPERATIONS, type OperationName } from './plan/ops.js';
import type { StepFailure } from './process/launched.js';
import type { Ending } from './result.js';

export type SetupError = Extract<Ending, { status: 'setup-error' }>;

const OPERATION_NAMES: ReadonlyMap<number, OperationName> = new Map(
  Object.entries(OPERATIONS).map(([name, { op }]) => [op, name as OperationName]),
);

export function setupError(step: string, detail: string, hint = '', errno = ''): SetupError {
  return { status: 'setup-error', step, errno, detail, hint };
}

/** Past `limits.gateTime`, in milliseconds: the program was not there, or the app's own hook was not done. */
export function tooLate(gateTime: number, inHook: boolean): SetupError {
  const raise = 'or raise limits.gateTime';
  return inHook
    ? setupError('hook:started', `hooks.started() was not done within ${gateTime} ms`, `let it do less, ${raise}`)
    : setupError('gate:deadline', `it did not enter the gate within ${gateTime} ms`, `call sandboxMeHere(), ${raise}`);
}

/** A step of the plan that the launcher could not carry out. */
export function fromStepFailure(failure: StepFailure): SetupError {
  const op = OPERATION_NAMES.get(failure.op);
  const errno = failure.errno === 0 ? '' : errnoName(failure.errno);
  const hint = op === undefined ? '' : hintFor(op, errno);
  return setupError(`launcher:${op ?? 'plan'}`, failure.detail, hint, errno);
}

/** What went wrong between the launcher's start and *go*. */
export function fromGateError(error: unknown): SetupError {
  if (error instanceof GateError) return setupError(error.step, error.message, error.hint, error.errno);
  return setupError('gate:handshake', error instanceof Error ? error.message : String(error));
}

/** The program ended by itself before it entered the gate. */
export function fromEarlyEnd(status: ExitStatus | undefined, stderr: string): SetupError {
  const said = stderr.trim() === '' ? 'it wrote nothing to its stderr' : `its stderr ends with:\n${stderr.trim()}`;
  return setupError(
    'start-up',
    `${how(status)} before it entered the gate; ${said}`,
    'call sandboxMeHere() once it has loaded',
  );
}

function how(status: ExitStatus | undefined): string {
  if (status === undefined) return 'the launcher ended';
  if (status.kind === 'exited') return `the program exited with code ${status.code}`;
  return `the program was ended by ${signalName(status.signal)}`;
}
