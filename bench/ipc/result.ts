import { median } from '../alternate.js';
import type { Figure, Row } from '../peers/peer.js';
import type { Placement } from '../placement.js';

export const PEERS = [
  'fork-json',
  'fork-advanced',
  'worker-copy',
  'worker-transfer',
  'net-msgpackr',
  'piscina',
  'c-socket',
] as const;
export const OURS = ['call', 'callSync', 'zero-copy', 'copy-out'] as const;
export type PeerName = (typeof PEERS)[number];
export type VariantName = PeerName | (typeof OURS)[number];

/** One line of the JSON. */
export interface Result {
  readonly row: Row;
  /** Bytes. */
  readonly payload: number;
  readonly placement: Placement;
  readonly variant: VariantName;
  readonly metric: string;
  readonly median: number;
  readonly p99: number;
  /** How many times better than that peer in the same round; the median of the rounds. */
  readonly ratios: Partial<Record<PeerName, number>>;
}

const METRICS: Readonly<Record<Row, string>> = {
  'round-trip': 'µs',
  pipelined: 'µs per message',
  'one-way': 'µs per message',
  bulk: 'µs per buffer',
};

/** Of what was measured in turn. `p99` is the rounds' median of theirs, for pipelined their greatest: a round has one sample. */
export function resultsOf(
  at: Pick<Result, 'row' | 'payload' | 'placement'>,
  figures: ReadonlyMap<string, readonly Figure[]>,
): Result[] {
  return [...OURS, ...PEERS].flatMap((variant) => {
    const own = figures.get(variant);
    if (own === undefined) return [];
    const ends = own.map(({ p99 }) => p99);
    const p99 = at.row === 'pipelined' ? Math.max(...ends) : median(ends);
    const result = {
      ...at,
      variant,
      metric: METRICS[at.row],
      median: median(own.map((figure) => figure.median)),
      p99,
      ratios: ratios(variant, own, figures),
    };
    return [result];
  });
}

function ratios(
  variant: VariantName,
  own: readonly Figure[],
  figures: ReadonlyMap<string, readonly Figure[]>,
): Result['ratios'] {
  const entries = PEERS.flatMap((peer) => {
    const theirs = figures.get(peer);
    if (theirs === undefined || peer === variant) return [];
    return [[peer, median(own.map((figure, round) => (theirs[round]?.median ?? Number.NaN) / figure.median))] as const];
  });
  return Object.fromEntries(entries);
}
