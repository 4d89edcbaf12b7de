/** A figure that has to stay under another; without a gate it is there to compare with. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly gate: number | undefined;
}

export function printGates(title: string, unit: string, figures: readonly Figure[]): void {
  console.log(`\n${title}`);
  const width = Math.max(...figures.map(({ name }) => name.length));
  for (const { name, value, gate } of figures) {
    const asked = gate === undefined ? '' : `   ≤ ${gate.toString().padEnd(5)} ${value <= gate ? 'ok' : 'miss'}`;
    console.log(`  ${name.padEnd(width)}  ${value.toFixed(3).padStart(7)} ${unit}${asked}`);
  }
}
