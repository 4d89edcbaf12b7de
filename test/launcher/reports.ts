import { errnoName } from '../../broker/kernel-names.js';
import { operationName } from '../plan/decode.js';

const BEFORE_THE_FIRST_STEP = 0xffff_ffff;

/** A step of the launcher that failed. */
export interface StepFailure {
  /** Where in the plan; undefined before its first step. */
  readonly index: number | undefined;
  readonly step: string;
  readonly errnoName: string;
  readonly detail: string;
}

export type ExitStatus =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: number; readonly core: boolean };

/** The payload of a Failed frame. */
export function decodeFailed(payload: Buffer): StepFailure {
  const index = payload.readUInt32LE(0);
  const errno = payload.readInt32LE(8);
  return {
    index: index === BEFORE_THE_FIRST_STEP ? undefined : index,
    step: operationName(payload.readUInt32LE(4)),
    errnoName: errnoName(errno),
    detail: payload.toString('utf8', 12),
  };
}

/** The payload of an Exited frame: a status as waitpid gives it. */
export function decodeExited(payload: Buffer): ExitStatus {
  const status = payload.readInt32LE(0);
  const signal = status & 0x7f;
  if (signal === 0) return { kind: 'exited', code: (status >> 8) & 0xff };
  return { kind: 'signaled', signal, core: (status & 0x80) !== 0 };
}
