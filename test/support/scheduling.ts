import { attacker } from '../addon/support.js';

const SCHED_GETATTR = 315;

/** Of a thread that the fair scheduler has. */
export interface Scheduling {
  readonly nice: number;
  /** Nanoseconds; 0 where the kernel has none (before 6.12). */
  readonly slice: bigint;
}

export function schedulingOf(tid: number): Scheduling {
  const attributes = Buffer.alloc(48);
  const failed = attacker().syscall(SCHED_GETATTR, tid, attributes, attributes.length, 0);
  if (failed !== 0) throw new Error(`sched_getattr says ${failed}`);
  return { nice: attributes.readInt32LE(16), slice: attributes.readBigUInt64LE(24) };
}
