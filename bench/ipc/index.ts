import { writeFileSync } from 'node:fs';
import { inTurn } from '../alternate.js';
import { LARGEST_BUFFER } from '../peers/interface.js';
import type { Row } from '../peers/peer.js';
import { cpusOf, type Placement, placed } from '../placement.js';
import { printResults } from './print.js';
import { type PeerName, type Result, resultsOf } from './result.js';
import { closeAll, startAll } from './start.js';
import { benchValue } from './value.js';

const WARM_UPS = 1;

export interface IpcOptions {
  readonly rows: readonly Row[];
  /** Bytes; bulk has its own. */
  readonly sizes: readonly number[];
  readonly placements: readonly Placement[];
  readonly peers: readonly PeerName[];
  readonly rounds: number;
  /** Also `t.value` with zod. */
  readonly values: boolean;
  readonly json: string | undefined;
}

/** Typed calls into a sandboxee behind its gate, validated, against what else there is. Everybody in turn, in one run. */
export async function benchIpc({ rows, sizes, placements, peers, rounds, values, json }: IpcOptions): Promise<void> {
  const all: Result[] = [];
  for (const placement of placements) {
    const cpus = cpusOf[placement];
    const started = await placed(cpus, () => startAll(peers, cpus));
    try {
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
    if (values) await benchValue(placement, cpus, rounds);
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(all, null, 2)}\n`);
}
