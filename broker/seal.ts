/** How the filter comes into force: what the broker does until it holds the listener, by mode. */
import { closeSync, readFileSync } from 'node:fs';
import * as native from '../native/broker.js';
import type { Comms } from '../protocols/comms.js';
import type { FdLayout } from './declared-fds.js';
import { exchangeFilter, GateError, receiveHello, receiveSeal, requireListener } from './gate.js';
import { filterFlags, kernelFeatures } from './kernel.js';
import type { LaunchedProcess } from './process/launched.js';
import { type ProcessView, parseStatus } from './process/process-view.js';
import { verifyFilter, verifyGate } from './process/verify.js';

/** A sandboxee that can do nothing any more which the policy does not allow; it waits to be told to go. */
export interface Sealed {
  /** Owned by who gets it; undefined where the monitor has it already. */
  readonly listener: number | undefined;
  /** Filters below the policy's. */
  readonly filtersBelow: number;
}

export interface Sealing {
  readonly comms: Comms;
  readonly commsInode: bigint;
  readonly fds: FdLayout;
  readonly launcher: ProcessView;
  readonly sandboxee: ProcessView;
  /** sock_filter[] */
  readonly program: Uint8Array;
  /** While it is trusted, after hello. */
  readonly started: () => Promise<void>;
  /** Starts the monitor, which owns the listener from the call on. */
  readonly monitor: (listener: number) => void;
  readonly inspectable: boolean;
}

/** The sandboxee asks for its filter when it has loaded. */
export async function sealLate(sealing: Sealing): Promise<Sealed> {
  const { comms, commsInode, fds, launcher, sandboxee, program, inspectable } = sealing;
  await receiveHello(comms);
  const filtersBelow = sandboxee.status().seccompFilters;
  await sealing.started();
  // At once: threads that ran on may wait for an answer while they hold what the gate needs.
  sealing.monitor(await exchangeFilter(comms, filterFlags(), program));
  await receiveSeal(comms);
  const finding = await verifyGate({
    filtersBefore: filtersBelow,
    comms: fds.comms,
    commsInode,
    declared: new Set(fds.placed.map(({ number }) => number)),
    launcher,
    sandboxee,
    inspectable,
    sameFileTable: kernelFeatures().kcmp ? native.sameFileTable : undefined,
  });
  if (finding) throw new GateError(finding.step, finding.detail, finding.hint);
  return { listener: undefined, filtersBelow };
}

/** The launcher has filtered it, and waits for the exec to be admitted. Undefined where it ended before. */
export async function sealBeforeExec(process: LaunchedProcess, sandboxee: ProcessView): Promise<Sealed | undefined> {
  await process.listening;
  const listener = process.takeListener();
  if (listener === undefined) return undefined;
  try {
    requireListener(listener);
    const filtersBelow = parseStatus(readFileSync('/proc/self/status', 'latin1')).seccompFilters;
    const finding = verifyFilter(sandboxee, filtersBelow);
    if (finding) throw new GateError(finding.step, finding.detail, finding.hint);
    return { listener, filtersBelow };
  } catch (error) {
    closeSync(listener);
    throw error;
  }
}
