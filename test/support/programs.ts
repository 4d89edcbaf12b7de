import { once } from 'node:events';
import { Socket } from 'node:net';
import {
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  type Fd,
  type Limits,
  launch,
  type Policy,
  PolicyBuilder,
  type ProgramOptions,
  program,
  type Sandboxee,
} from '../../broker/index.js';
import { attackProgram } from './build.js';

/** So that one that a failed test has left behind does not keep the suite from ending. Milliseconds. */
const LONGEST_LIFE = 40_000;
let anything: Policy | undefined;

/** A C program of test/native that may ask for whatever no policy can refuse. */
export function launchProgram(
  name: 'intruder' | 'limits' | 'tree',
  options: ProgramOptions = {},
  limits: Limits = {},
  signal?: AbortSignal,
): Promise<Sandboxee> {
  anything ??= new PolicyBuilder()
    .allowDynamicStartup(dangerouslyAllowExecutableMemory)
    .allowMmap(dangerouslyAllowExecutableMemory)
    .allowMprotect(dangerouslyAllowExecutableMemory)
    .defaultAction(dangerouslyAllowAllSyscalls)
    .build();
  const file = attackProgram(name);
  return launch(program(file, options), {
    policy: anything,
    limits: { wallTime: LONGEST_LIFE, ...limits },
    ...(signal ? { signal } : {}),
  });
}

/** What test/native/tree.c can grow. */
export type TreeKind =
  | 'idle'
  | 'ignore'
  | 'detach'
  | 'stop'
  | 'vfork'
  | 'headless'
  | 'chain'
  | 'bomb'
  | 'storm'
  | 'orphans';

/** A tree that has grown, unless it has ended by then. */
export async function launchTree(kind: TreeKind, count: number, limits: Limits = {}): Promise<Sandboxee> {
  const args = [kind, String(count)];
  const sandboxee = await launchProgram('tree', { args, fds: { stdin: 'pipe', stdout: 'pipe' } }, limits);
  const go = endOf(sandboxee, 'stdin');
  const ready = endOf(sandboxee, 'stdout');
  go.end('g');
  await once(ready, 'data');
  for (const socket of [go, ready]) socket.destroy();
  return sandboxee;
}

function endOf({ fds }: Sandboxee, name: string): Socket {
  const fd: Fd | undefined = fds.get(name);
  if (fd === undefined) throw new Error(`there is no ${name}`);
  return new Socket({ fd: fd.release(), readable: name === 'stdout', writable: name === 'stdin' }).on(
    'error',
    () => {},
  );
}
