/** The thread in which a target runs: whoever started it can tell when an input does not come to an end. */
import { parentPort, workerData } from 'node:worker_threads';
import { campaign } from './engine.js';
import { targetNamed } from './targets.js';

export interface Work {
  readonly name: string;
  readonly seed: number;
  readonly time: number;
  readonly corpus: readonly Uint8Array[];
  readonly root: string;
  /** {u32 inputs begun, u32 length of the last, its bytes} */
  readonly shared: SharedArrayBuffer;
}

const { name, shared, ...rest } = workerData as Work;
const head = new Uint32Array(shared, 0, 2);
const room = new Uint8Array(shared, 8);

const done = await campaign(targetNamed(name), {
  ...rest,
  onInput: (input) => {
    room.set(input.subarray(0, room.length));
    head[1] = input.length;
    Atomics.add(head, 0, 1);
  },
});
parentPort?.postMessage({
  ...done,
  find: done.find === undefined ? undefined : { input: done.find.input, error: textOf(done.find.error) },
});

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
