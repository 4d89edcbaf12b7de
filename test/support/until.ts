import { setImmediate as nextTurn } from 'node:timers/promises';

/** Turns of the event loop until something holds. Nothing is decided by how long it took; it only gives up at the end. */
export async function until(holds: () => boolean, what: string, patience = 15_000): Promise<void> {
  const end = Date.now() + patience;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`it never came that ${what}`);
    await nextTurn();
  }
}
