import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { alternate, median, printTable } from './alternate.js';

const COMMAND = fileURLToPath(new URL('../cli/index.js', import.meta.url));

/** The `srt` of an installed @anthropic-ai/sandbox-runtime, which needs bubblewrap, socat and ripgrep. */
const SRT = process.env.SALLYPORT_BENCH_SRT;

/** `sallyport run -- /bin/true` against Node's own start, and against srt with the same command. Milliseconds. */
export async function benchRun(rounds: number): Promise<void> {
  const starts: number[] = [];
  const runs: number[] = [];
  const variants = [
    {
      name: 'node -e 0',
      run: async () => {
        const time = await timed(process.execPath, ['-e', '0']);
        starts.push(time);
        return time;
      },
    },
    {
      name: 'sallyport run -- /bin/true',
      run: async () => {
        const time = await timed(process.execPath, [COMMAND, 'run', '--', '/bin/true']);
        runs.push(time);
        return time;
      },
    },
  ];
  printTable('one confined command', 'ms', await alternate(variants, rounds));
  console.log(`  beyond Node's own start: ${beyond(runs, starts).toFixed(1)} ms (asked for: 25)`);
  if (SRT === undefined || !existsSync(SRT)) {
    console.log(
      '\nsrt is not measured: SALLYPORT_BENCH_SRT names no srt of an installed @anthropic-ai/sandbox-runtime',
    );
    return;
  }
  const srt = { name: 'srt /bin/true', run: () => timed(SRT, ['/bin/true']) };
  printTable('the same, by srt (asked for: × 0.2)', 'ms', await alternate([srt, ...variants], rounds));
}

/** The median of what each run took longer than Node's start of the same round. */
function beyond(runs: readonly number[], starts: readonly number[]): number {
  return median(runs.map((time, round) => time - (starts[round] ?? Number.NaN)));
}

async function timed(program: string, args: readonly string[]): Promise<number> {
  const start = process.hrtime.bigint();
  const child = spawn(program, args, { stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}
