import { writeFileSync } from 'node:fs';
import { inTurn } from '../alternate.js';
import { LARGEST_BUFFER } from '../peers/interface.js';
import type { Peer, Row } from '../peers/peer.js';
import { cpusOf, type Placement, placed } from '../placement.js';
import { printResults } from './print.js';
import { type PeerName, type Result, resultsOf } from './result.js';
import { closeAll, startAll } from './start.js';

const WARM_UPS = 1;
const WARM_UP_SIZE = 256;

export interface IpcOptions {
  readonly rows: readonly Row[];
  /** Bytes; bulk has its own. */
  readonly sizes: readonly number[];
  readonly placements: readonly Placement[];
  readonly peers: readonly PeerName[];
  readonly rounds: number;
  /** Milliseconds for each row of each variant, before anything is measured: V8 compiles what is used much. */
  readonly warmUpTime: number;
  /** Also `t.value` with zod. */
  readonly values: boolean;
  readonly json: string | undefined;
}

/** Typed calls into a sandboxee behind its gate, validated, against what else there is. Everybody in turn, in one run. */
export async function benchIpc({
  rows,
  sizes,
  placements,
  peers,
  rounds,
  warmUpTime,
  values,
  json,
}: IpcOptions): Promise<void> {
  const all: Result[] = [];
  for (const placement of placements) {
    const cpus = cpusOf[placement];
    const started = await placed(cpus, () => startAll(peers, cpus));
    try {
      await warmUp(started, rows, warmUpTime);
      for (const row of rows) {
        const results: Result[] = [];
        for (const payload of row === 'bulk' ? [LARGEST_BUFFER] : sizes) {
          const able = started.filter((peer) => peer.measures(row, payload));
          const variants = able.map((peer) => ({ name: peer.name, run: () => peer.measure(row, payload) }));
          results.push(...resultsOf({ row, payload, placement }, await inTurn(variants, rounds, WARM_UPS)));
        }
        printResults(row, placement, results);
        all.push(...results);
      }
    } finally {
      await closeAll(started);
    }
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(all, null, 2)}\n`);
  if (!values) return;
  // Not before: V8 runs much else slower once zod is there.
  const { benchValue } = await import('./value.js');
  for (const placement of placements) await benchValue(placement, cpusOf[placement], rounds);
}

async function warmUp(peers: readonly Peer[], rows: readonly Row[], milliseconds: number): Promise<void> {
  for (const peer of peers) {
    for (const row of rows) {
      const end = performance.now() + milliseconds;
      while (row !== 'bulk' && peer.measures(row, WARM_UP_SIZE) && performance.now() < end) {
        await peer.measure(row, WARM_UP_SIZE);
      }
    }
  }
}
