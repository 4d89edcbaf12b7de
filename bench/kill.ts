import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import {
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  type Limits,
  launch,
  PolicyBuilder,
  program,
  type Sandboxee,
} from 'sallyport';
import { attackProgram, benchProgram } from '../test/support/build.js';
import { alternate, printTable } from './alternate.js';

const policy = new PolicyBuilder()
  .allowDynamicStartup(dangerouslyAllowExecutableMemory)
  .allowMmap(dangerouslyAllowExecutableMemory)
  .allowMprotect(dangerouslyAllowExecutableMemory)
  .defaultAction(dangerouslyAllowAllSyscalls)
  .build();
/** Milliseconds. */
const WALL_TIME = 5000;
const CROWD = 512;

/** From `kill()` to the result, of trees of 100 processes; and how late a wall time ends a crowd that signals itself. */
export async function benchKill(rounds: number, crowds: number): Promise<void> {
  const variants = [
    { name: 'waiting', run: () => killed('idle', 98, { processes: 128 }) },
    { name: 'detached, deaf to signals', run: () => killed('detach', 98, { processes: 256 }) },
    { name: 'stopped', run: () => killed('stop', 98, { processes: 128 }) },
    { name: 'asleep in vfork', run: () => killed('vfork', 49, { processes: 128 }) },
    { name: 'signalling each other', run: () => killed('storm', 98, { processes: 128 }) },
  ];
  printTable('kill() of 100 processes to their result', 'ms', await alternate(variants, rounds));

  // Who is killed has to run once more to end: what that takes where all processors are busy is the kernel's to say.
  const busy = [
    { name: 'the kernel alone', run: () => barelyKilled('headless', 98) },
    { name: 'computing without a pause', run: () => killed('headless', 98, { processes: 256 }) },
  ];
  printTable('the same, of 100 that compute', 'ms', await alternate(busy, rounds));

  const timedOut = [{ name: `${CROWD} signalling each other`, run: () => timeout() }];
  printTable(`launch to the result of a wall time of ${WALL_TIME} ms`, 'ms', await alternate(timedOut, crowds, 0));
}

async function killed(kind: string, count: number, limits: Limits): Promise<number> {
  const sandboxee = await grow(kind, count, limits);
  const start = process.hrtime.bigint();
  sandboxee.kill();
  const { status } = await sandboxee.result;
  if (status !== 'killed') throw new Error(`${kind}: ${status}`);
  return milliseconds(start);
}

/** bench/native/bare-kill.c: the same tree under a pid 1 that does nothing. */
async function barelyKilled(kind: string, count: number): Promise<number> {
  const { stdout } = await promisify(execFile)(benchProgram('bare-kill'), [attackProgram('tree'), kind, String(count)]);
  return Number(stdout);
}

async function timeout(): Promise<number> {
  const start = process.hrtime.bigint();
  const sandboxee = await grow('storm', CROWD, { processes: CROWD + 8, wallTime: WALL_TIME });
  const { status } = await sandboxee.result;
  if (status !== 'timeout') throw new Error(`the crowd: ${status}`);
  return milliseconds(start);
}

/** test/native/tree.c, once it has grown. */
async function grow(kind: string, count: number, limits: Limits): Promise<Sandboxee> {
  const executor = program(attackProgram('tree'), { args: [kind, String(count)], fds: { stdout: 'pipe' } });
  const sandboxee = await launch(executor, { policy, limits });
  const fd = sandboxee.fds.get('stdout');
  if (fd === undefined) throw new Error('its stdout was not kept');
  const stdout = new Socket({ fd: fd.release(), readable: true, writable: false });
  await once(stdout, 'data');
  stdout.destroy();
  return sandboxee;
}

function milliseconds(start: bigint): number {
  return Number(process.hrtime.bigint() - start) / 1e6;
}
