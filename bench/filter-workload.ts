/** A real workload under the filter of the Node preset, against the same process without. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { launch, node, policies, type Sandboxee } from 'sallyport';
import { alternate, median } from './alternate.js';
import type { Figure } from './gates.js';

const script = fileURLToPath(new URL('./filter-workload.child.js', import.meta.url));

/** The fd on which the plain process gives its listener away. */
const GATE_FD = 3;

/** How often each process works. */
const ROUNDS_OF_A_PROCESS = 8;

/**
 * Of CPU time, in which the rest of the machine hardly shows: the ratios of the medians over several processes of each kind,
 * since where a process happens to have its heap makes more of a difference (1.5 %) than any filter.
 */
export async function workloadFigures(processes: number): Promise<readonly Figure[]> {
  const medians: readonly number[][] = [[], [], [], []];
  for (let index = 0; index < processes; index += 1) {
    for (const [kind, figure] of (await mediansOfOneEach()).entries()) medians[kind]?.push(figure);
  }
  const [without = Number.NaN, filtered = Number.NaN, inside = Number.NaN, twin = Number.NaN] = medians.map(median);
  return [
    { name: 'JSON, crypto, zlib, GC: the Node preset', value: filtered / without, gate: 1.01 },
    { name: 'JSON, crypto, zlib, GC: a sandboxee', value: inside / without, gate: undefined },
    { name: 'JSON, crypto, zlib, GC: no filter again, as the noise', value: twin / without, gate: undefined },
  ];
}

/** Without a filter, with the filter of the Node preset, in a sandboxee, and without a filter once more. */
async function mediansOfOneEach(): Promise<readonly number[]> {
  const plain = new PlainProcess('open');
  const filtered = new PlainProcess('filtered');
  const twin = new PlainProcess('open');
  const sandboxee = await launch(node(script, { args: ['sandboxee'] }), { policy: policies.node().build() });
  try {
    const rows = await alternate(
      [
        { name: 'no filter', run: () => plain.work() },
        { name: 'the Node preset', run: () => filtered.work() },
        { name: 'a sandboxee', run: () => workInside(sandboxee) },
        { name: 'no filter again', run: () => twin.work() },
      ],
      ROUNDS_OF_A_PROCESS,
    );
    return rows.map((row) => row.median);
  } finally {
    await Promise.all([plain.end(), filtered.end(), twin.end(), sandboxee.close()]);
  }
}

async function workInside({ comms }: Sandboxee): Promise<number> {
  await comms.sendBool(true);
  return await comms.recvUint32();
}

/** A process that works once for each line it gets. */
class PlainProcess {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #figures: AsyncIterator<string>;

  constructor(mode: 'open' | 'filtered') {
    this.#child = spawn(process.execPath, [script, mode, String(GATE_FD)], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
      env: {},
    });
    // What is read away here is the listener: a notification is then answered by the kernel, and nobody waits for one.
    const gate = this.#child.stdio[GATE_FD];
    if (gate !== null && gate !== undefined && 'resume' in gate) gate.resume();
    const { stdin, stdout } = this.#child;
    if (stdin === null || stdout === null) throw new Error('the process that works has no pipes');
    this.#input = stdin;
    this.#figures = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async work(): Promise<number> {
    this.#input.write('\n');
    const { value, done } = await this.#figures.next();
    if (done === true) throw new Error('the process that works has ended');
    return Number(value);
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
