/** One thing to measure: a number per run, in the unit of the row. */
export interface Variant {
  readonly name: string;
  readonly run: () => Promise<number>;
}

export interface Measured {
  readonly name: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** Median of the ratios to the baseline's run of the same round: what drifts hits both. */
  readonly ratio: number;
}

/**
 * Runs the variants in turn, `rounds` times, the order turned about each round. Machines are noisy and their speed drifts:
 * only ratios within a round mean anything. Gives each variant's figures, round by round.
 */
export async function inTurn<Figure>(
  variants: readonly { readonly name: string; readonly run: () => Promise<Figure> }[],
  rounds: number,
  warmUps: number,
): Promise<ReadonlyMap<string, readonly Figure[]>> {
  const figures = new Map<string, Figure[]>(variants.map(({ name }) => [name, []]));
  for (let round = -warmUps; round < rounds; round += 1) {
    const order = round % 2 === 0 ? variants : variants.toReversed();
    for (const { name, run } of order) {
      const figure = await run();
      if (round >= 0) figures.get(name)?.push(figure);
    }
  }
  return figures;
}

/** The first variant is the baseline. */
export async function alternate(variants: readonly Variant[], rounds: number, warmUps = 2): Promise<Measured[]> {
  const figures = await inTurn(variants, rounds, warmUps);
  const baseline = figures.get(variants[0]?.name ?? '') ?? [];
  return variants.map(({ name }) => {
    const own = figures.get(name) ?? [];
    return {
      name,
      median: median(own),
      least: Math.min(...own),
      most: Math.max(...own),
      ratio: median(own.map((figure, round) => figure / (baseline[round] ?? Number.NaN))),
    };
  });
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function printTable(title: string, unit: string, rows: readonly Measured[]): void {
  console.log(`\n${title} (${unit}; ratio: median of the rounds' ratios to ${rows[0]?.name ?? ''})`);
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, median: middle, least, most, ratio } of rows) {
    const figures = [middle, least, most].map((figure) => figure.toFixed(2).padStart(10)).join('');
    console.log(`  ${name.padEnd(width)}  median, least, most ${figures}   × ${ratio.toFixed(3)}`);
  }
}
