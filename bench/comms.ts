import { type ChildProcess, fork } from 'node:child_process';
import { launch, node, policies, type Sandboxee } from 'sallyport';
import { alternate, median, printTable } from './alternate.js';

const script = new URL('./comms.child.js', import.meta.url);
const PAYLOAD = Buffer.alloc(8, 7);

/**
 * Round trips of 8 bytes, median per round in microseconds, against `child_process.fork` with advanced serialization.
 * Run on one CPU: with two, the wake-up of a sleeping CPU is nearly all that is measured.
 */
export async function benchComms(rounds: number, trips: number): Promise<void> {
  const child = fork(script, { serialization: 'advanced' });
  const policy = policies.node().build();
  const sandboxee = await launch(node(script), { policy });
  const blocking = await launch(node(script, { args: ['blocking'] }), { policy });
  try {
    const variants = [
      { name: 'child_process.fork advanced', run: () => measure(() => tripThroughFork(child), trips) },
      { name: 'sallyport comms', run: () => measure(() => tripThroughComms(sandboxee), trips) },
      { name: 'sallyport comms, blocking inside', run: () => measure(() => tripThroughComms(blocking), trips) },
    ];
    printTable('round trip of 8 bytes on one CPU', 'µs', await alternate(variants, rounds));
  } finally {
    child.kill('SIGKILL');
    await Promise.all([sandboxee.close(), blocking.close()]);
  }
}

async function measure(trip: () => Promise<void>, trips: number): Promise<number> {
  const figures: number[] = [];
  for (let i = 0; i < trips; i += 1) {
    const start = process.hrtime.bigint();
    await trip();
    figures.push(Number(process.hrtime.bigint() - start) / 1e3);
  }
  return median(figures);
}

function tripThroughFork(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('message', () => resolve());
    child.send(PAYLOAD);
  });
}

async function tripThroughComms({ comms }: Sandboxee): Promise<void> {
  await comms.sendBytes(PAYLOAD);
  await comms.recvBytes();
}
