import { alternate, printTable, type Variant } from './alternate.js';
import { commsPeer } from './peers/comms.js';
import { forkPeer } from './peers/fork.js';
import type { Peer, Row } from './peers/peer.js';
import { workerPeer } from './peers/worker.js';
import { cpusOf, placed } from './placement.js';

const TITLES = { 'round-trip': 'round trip', pipelined: 'pipelined', 'one-way': 'one way' } as const;

/**
 * Bytes there and back over comms, against Node's own ways. The sandboxee is sandboxed, and every message is parsed.
 * On one CPU nobody spins.
 */
export async function benchRing(rounds: number, sizes: readonly number[], cpus: 1 | 2): Promise<void> {
  const peers = await placed(cpusOf[cpus === 1 ? 'one-cpu' : 'two-cpus'], async () => [
    forkPeer('advanced'),
    workerPeer('copy'),
    workerPeer('transfer'),
    await commsPeer('async'),
    await commsPeer('blocking'),
  ]);
  try {
    for (const size of sizes) {
      for (const row of ['round-trip', 'pipelined', 'one-way'] as const) {
        const variants = peers.filter((peer) => peer.measures(row, size)).map((peer) => variantOf(peer, row, size));
        printTable(`${TITLES[row]}, ${size} bytes`, 'µs per message', await alternate(variants, rounds, 1));
      }
    }
  } finally {
    await Promise.all(peers.map((peer) => peer.close()));
  }
}

function variantOf(peer: Peer, row: Row, size: number): Variant {
  return { name: peer.name, run: async () => (await peer.measure(row, size)).median };
}
