import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { benchComms } from './comms.js';
import { benchFilter } from './filter.js';
import { benchIpc, type IpcOptions } from './ipc/index.js';
import { PEERS } from './ipc/result.js';
import { benchKill } from './kill.js';
import { benchLaunch } from './launch.js';
import { benchRing } from './ring.js';
import { benchRun } from './run.js';

const ON_ONE_CPU = 'SALLYPORT_BENCH_ON_ONE_CPU';

interface IpcFlags {
  readonly cpus: readonly ('1' | '2')[];
  readonly warmUp: number;
}

const ROWS = ['round-trip', 'pipelined', 'one-way', 'bulk'] as const;

const program = new Command('bench').description('Measures Sallyport against its peers, in alternation, in one run');

program
  .command('launch')
  .description('launch() to the first typed message, and memory, against child_process.fork')
  .option('--rounds <n>', 'rounds', Number, 30)
  .action(({ rounds }: { rounds: number }) => benchLaunch(rounds));

program
  .command('comms')
  .description('round trip of 8 bytes over comms, both processes on one CPU, against child_process.fork')
  .option('--rounds <n>', 'rounds', Number, 15)
  .option('--trips <n>', 'round trips in a round', Number, 2000)
  .action(async ({ rounds, trips }: { rounds: number; trips: number }) => {
    if (process.env[ON_ONE_CPU] === undefined) process.exitCode = againOnOneCpu();
    else await benchComms(rounds, trips);
  });

program
  .command('ring')
  .description('bytes there and back over comms, from 8 B to 1 MiB, against child_process.fork and worker_threads')
  .option('--rounds <n>', 'rounds', Number, 7)
  .option('--cpus <n>', 'both processes on one CPU, or each on its own', '2')
  .option('--sizes <list>', 'bytes, separated by commas', '8,256,4096,65536,1048576')
  .action(({ rounds, cpus, sizes }: { rounds: number; cpus: string; sizes: string }) =>
    benchRing(rounds, sizes.split(',').map(Number), cpus === '1' ? 1 : 2),
  );

program
  .command('ipc')
  .description('typed calls from 8 B to 1 MiB, and 64 MiB through shared memory, against what else there is')
  .option('--rows <list>', ROWS.join(', '), listOf(ROWS), [...ROWS])
  .option('--sizes <list>', 'bytes, at most 1 MiB', sizes, [8, 256, 4096, 65536, 1048576])
  .option('--cpus <list>', '1: both processes on one CPU; 2: each on its own', listOf(['1', '2']), ['1', '2'])
  .option('--peers <list>', PEERS.join(', '), listOf(PEERS), [...PEERS])
  .option('--rounds <n>', 'rounds', Number, 7)
  .option('--warm-up <ms>', 'for each row of each variant', Number, 1500)
  .option('--no-values', 'without what t.value with zod costs')
  .option('--json <file>', 'write the results there as well')
  .action(({ cpus, warmUp, ...options }: Omit<IpcOptions, 'placements' | 'warmUpTime'> & IpcFlags) =>
    benchIpc({
      ...options,
      warmUpTime: warmUp,
      placements: cpus.map((count) => (count === '1' ? 'one-cpu' : 'two-cpus')),
    }),
  );

program
  .command('filter')
  .description('what a filter costs: a syscall, a workload, its compilation')
  .option('--rounds <n>', 'rounds', Number, 16)
  .action(({ rounds }: { rounds: number }) => benchFilter(rounds));

program
  .command('kill')
  .description(
    'kill() of trees of 100 processes to their result, and a wall time that ends 512 which signal each other',
  )
  .option('--rounds <n>', 'rounds', Number, 10)
  .option('--crowds <n>', 'how many crowds', Number, 3)
  .action(({ rounds, crowds }: { rounds: number; crowds: number }) => benchKill(rounds, crowds));

program
  .command('run')
  .description("sallyport run -- /bin/true against Node's own start, and against srt (SALLYPORT_BENCH_SRT)")
  .option('--rounds <n>', 'rounds', Number, 20)
  .action(({ rounds }: { rounds: number }) => benchRun(rounds));

await program.parseAsync();

function listOf<const T extends string>(known: readonly T[]): (list: string) => T[] {
  return (list) =>
    list.split(',').map((word) => {
      const found = known.find((name) => name === word);
      if (found === undefined) throw new InvalidArgumentError(`Use some of ${known.join(', ')}, separated by commas.`);
      return found;
    });
}

function sizes(list: string): number[] {
  return list.split(',').map((word) => {
    const size = Number(word);
    if (Number.isInteger(size) && size > 0 && size <= 2 ** 20) return size;
    throw new InvalidArgumentError('Use whole numbers of bytes from 1 to 1048576, separated by commas.');
  });
}

/** Children inherit the affinity. */
function againOnOneCpu(): number {
  const self = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const env = { ...process.env, [ON_ONE_CPU]: '1' };
  const { status, error } = spawnSync('taskset', ['-c', '0', ...self], { stdio: 'inherit', env });
  if (error)
    throw new Error(`taskset (package util-linux) is needed to bind both processes to one CPU: ${error.message}`);
  return status ?? 1;
}
