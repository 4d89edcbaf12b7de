import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { launch, node, policies } from 'sallyport';
import { alternate, median, printTable } from './alternate.js';

const script = new URL('./launch.child.js', import.meta.url);

/** From `launch()` to the first typed message, and PSS then, against `child_process.fork` of the same script. */
export async function benchLaunch(rounds: number): Promise<void> {
  const policy = policies.node().build();
  const executor = node(script);
  const memory = { fork: [] as number[], sallyport: [] as number[] };

  async function forked(): Promise<number> {
    const start = process.hrtime.bigint();
    // An inherited NODE_EXTRA_CA_CERTS alone can double Node's start: both begin with an empty environment.
    const child = fork(script, { serialization: 'advanced', env: {} });
    await once(child, 'message');
    const elapsed = milliseconds(start);
    memory.fork.push(proportionalSetSize(pidOf(child)));
    child.kill('SIGKILL');
    await once(child, 'exit');
    return elapsed;
  }

  async function sandboxed(): Promise<number> {
    const start = process.hrtime.bigint();
    const sandboxee = await launch(executor, { policy });
    await sandboxee.comms.recvString();
    const elapsed = milliseconds(start);
    memory.sallyport.push(proportionalSetSize(sandboxee.pid));
    sandboxee.kill();
    await sandboxee.result;
    return elapsed;
  }

  const variants = [
    { name: 'child_process.fork', run: forked },
    { name: 'sallyport', run: sandboxed },
  ];
  printTable('launch to first message', 'ms', await alternate(variants, rounds));
  const [fork_, own] = [median(memory.fork), median(memory.sallyport)];
  console.log(
    `\nmemory (PSS, MiB): fork ${fork_.toFixed(1)}, sallyport ${own.toFixed(1)}   × ${(own / fork_).toFixed(3)}`,
  );
}

function milliseconds(start: bigint): number {
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('fork failed');
  return child.pid;
}

/** MiB. */
function proportionalSetSize(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}
