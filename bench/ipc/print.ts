import type { Row } from '../peers/peer.js';
import type { Placement } from '../placement.js';
import { OURS, PEERS, type Result, type VariantName } from './result.js';

const NAME_WIDTH = 28;
const WIDTH = 11;

/** The variants by the payloads: medians, 99th percentiles, and how many times better ours are. */
export function printResults(row: Row, placement: Placement, results: readonly Result[]): void {
  const [first] = results;
  if (first === undefined) return;
  const payloads = [...new Set(results.map(({ payload }) => payload))];
  const at = (variant: VariantName, payload: number): Result | undefined =>
    results.find((result) => result.variant === variant && result.payload === payload);
  const variants = [...OURS, ...PEERS].filter((name) => results.some(({ variant }) => variant === name));
  const heading = ''.padEnd(NAME_WIDTH) + payloads.map((payload) => size(payload).padStart(WIDTH)).join('');
  const print = (name: string, value: (payload: number) => number | undefined): void =>
    console.log(`  ${name.padEnd(NAME_WIDTH - 2)}${payloads.map((payload) => cell(value(payload))).join('')}`);

  for (const of of row === 'round-trip' ? (['median', 'p99'] as const) : (['median'] as const)) {
    console.log(`\n${row}, ${placement}: ${of}, ${first.metric}\n${heading}`);
    for (const variant of variants) print(variant, (payload) => at(variant, payload)?.[of]);
  }
  console.log(`\n${row}, ${placement}: how many times better, median of the rounds' ratios\n${heading}`);
  for (const own of OURS.filter((name) => variants.includes(name))) {
    for (const peer of PEERS.filter((name) => variants.includes(name))) {
      print(`${own} / ${peer}`, (payload) => at(own, payload)?.ratios[peer]);
    }
  }
}

function cell(value: number | undefined): string {
  if (value === undefined) return '-'.padStart(WIDTH);
  return value.toFixed(value < 100 ? 2 : 0).padStart(WIDTH);
}

function size(bytes: number): string {
  if (bytes >= 2 ** 20) return `${bytes / 2 ** 20} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
}
