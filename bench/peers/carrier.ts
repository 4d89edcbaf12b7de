import { median } from '../alternate.js';
import type { Figure, Peer, Row } from './peer.js';

/** How long one figure is measured. Milliseconds. */
export const SLICE = 60;
/** Bytes in flight at most, so that large messages do not measure the allocator. */
const WINDOW = 4 * 1024 * 1024;
const IN_FLIGHT = 64;
const ONE_WAY = 1024;

/** What can be measured of anything that carries messages. Sizes are bytes. */
export interface Carrier {
  /** There and back. The buffer may be one that came back, or must be `fresh` where sending it consumes it. */
  trip(size: number, buffer: 'any' | 'fresh'): Promise<unknown>;
  /** Resolves when the last of them has arrived. */
  oneWay(size: number, count: number): Promise<unknown>;
  bulk(size: number): Promise<unknown>;
  close(): Promise<void>;
}

/** What it measures, unless said otherwise, is everything. */
export function carried<Name extends string>(
  name: Name,
  carrier: Carrier,
  measures: (row: Row, size: number) => boolean = () => true,
): Peer<Name> {
  return {
    name,
    measures,
    measure: (row, size) => figureOf(carrier, row, size),
    close: () => carrier.close(),
  };
}

export function windowFor(size: number): number {
  return Math.max(2, Math.min(IN_FLIGHT, Math.floor(WINDOW / size)));
}

export function batchFor(size: number): number {
  return Math.max(4, Math.min(ONE_WAY, Math.floor(WINDOW / size)));
}

export function summary(samples: readonly number[]): Figure {
  const sorted = samples.toSorted((a, b) => a - b);
  const p99 = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN;
  return { median: median(sorted), p99 };
}

function figureOf(carrier: Carrier, row: Row, size: number): Promise<Figure> {
  switch (row) {
    case 'round-trip':
      return repeated(() => carrier.trip(size, 'any'), 3);
    case 'pipelined':
      return pipelined(carrier, size);
    case 'one-way': {
      const count = batchFor(size);
      return repeated(() => carrier.oneWay(size, count), 1, count);
    }
    case 'bulk':
      return repeated(() => carrier.bulk(size), 2);
  }
}

/** Of one of the `parts` that each turn has. */
async function repeated(turn: () => Promise<unknown>, least: number, parts = 1): Promise<Figure> {
  const samples: number[] = [];
  const end = performance.now() + SLICE;
  while (performance.now() < end || samples.length < least) {
    const start = process.hrtime.bigint();
    await turn();
    samples.push(Number(process.hrtime.bigint() - start) / 1e3 / parts);
  }
  return summary(samples);
}

/** The whole slice gives one sample: so many lanes have no message of their own to time. */
async function pipelined(carrier: Carrier, size: number): Promise<Figure> {
  const start = performance.now();
  let done = 0;
  const lane = async (): Promise<void> => {
    do {
      await carrier.trip(size, 'fresh');
      done += 1;
    } while (performance.now() - start < SLICE);
  };
  await Promise.all(Array.from({ length: windowFor(size) }, lane));
  return summary([((performance.now() - start) * 1000) / done]);
}
