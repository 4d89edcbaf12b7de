import { launch, node, policies } from 'sallyport';
import { inTurn, median } from '../alternate.js';
import { carried } from '../peers/carrier.js';
import { NAME, source } from '../peers/message.js';
import { Values } from '../peers/value-interface.js';
import { type Placement, placed } from '../placement.js';

const SIZE = 256;

/** What it costs to have values checked by a schema of zod's, and carried as msgpack, against a schema of our own. */
export async function benchValue(placement: Placement, cpus: readonly [number, number], rounds: number): Promise<void> {
  await using sandboxee = await placed(cpus, () =>
    launch(node(new URL('../peers/value.child.js', import.meta.url)), { policy: policies.node().build() }),
  );
  const values = sandboxee.connect(Values);
  const message = { id: 1, name: NAME, data: source(SIZE) };
  const rest = { oneWay: async () => {}, bulk: async () => {}, close: async () => {} };
  const variants = [
    carried('plain', { ...rest, trip: () => values.plain(message) }),
    carried('value', { ...rest, trip: () => values.value(message) }),
  ];
  for (const row of ['round-trip', 'pipelined'] as const) {
    const figures = await inTurn(
      variants.map(({ name, measure }) => ({ name, run: () => measure(row, SIZE) })),
      rounds,
      1,
    );
    const [plain = [], value = []] = variants.map(({ name }) => figures.get(name));
    const ratio = median(value.map((figure, round) => figure.median / (plain[round]?.median ?? Number.NaN)));
    const medians = [plain, value].map((each) => median(each.map((figure) => figure.median)).toFixed(2));
    console.log(
      `\n${row}, ${placement}: t.value with zod takes × ${ratio.toFixed(2)} of a plain schema at ${SIZE} B (${medians.reverse().join(' and ')} µs)`,
    );
  }
}
