import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { errorCode } from '../../protocols/error-code.js';
import { SallyportError } from '../../protocols/errors.js';
import { LaunchError } from '../errors.js';
import { launch } from '../launch.js';
import type { Limits } from '../limits.js';
import type { Policy } from '../policy/policy.js';
import { describeResult, type Result } from '../result.js';
import type { Sandboxee } from '../sandboxee.js';
import { CommandFailure, reporting } from './failure.js';
import { complain, say } from './output.js';
import { readPolicyFile } from './policy-file.js';
import { runExecutor } from './run-executor.js';
import { parseRun, RUN_DEFAULTS, RUN_HELP, type RunOptions } from './run-options.js';
import { openStdio, type Stdio } from './stdio.js';
import { usualPolicy } from './usual-policy.js';

/** Beyond what anybody writes to a file by mistake; disks have an end of their own. */
const FILE_SIZE = 2 ** 40;
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;

/** `sallyport run`: resolves with the exit status; what is wrong is said. */
export function main(words: readonly string[]): Promise<number> {
  return reporting(() => run(words));
}

async function run(words: readonly string[]): Promise<number> {
  const options = parseRun(words);
  if (options === 'help') {
    say(RUN_HELP);
    return 0;
  }
  const policy = policyOf(options);
  const json = options.json === undefined ? undefined : openForResult(options.json);
  const stdio = await openStdio();
  const result = await resultOf(options, policy, stdio);
  if (json !== undefined) writeResult(json, result);
  return statusOf(result);
}

function policyOf({ policy }: RunOptions): Policy {
  if (policy === undefined) return usualPolicy();
  return readPolicyFile(policy).policy;
}

async function resultOf(options: RunOptions, policy: Policy, stdio: Stdio): Promise<Result> {
  let sandboxee: Sandboxee | undefined;
  const early: NodeJS.Signals[] = [];
  const forward = (signal: NodeJS.Signals): void => {
    if (sandboxee === undefined) early.push(signal);
    else sandboxee.signal(signal);
  };
  try {
    const executor = runExecutor(options, stdio);
    for (const signal of FORWARDED) process.on(signal, forward);
    stdio.start();
    const trusted = options.policy === undefined ? [] : [resolve(options.policy)];
    sandboxee = await launch(executor, { policy, limits: limitsOf(options), trusted });
    for (const signal of early) forward(signal);
    return await sandboxee.result;
  } catch (error) {
    if (error instanceof LaunchError) return error.result;
    if (error instanceof CommandFailure || !(error instanceof SallyportError)) throw error;
    throw new CommandFailure(error.message);
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
    closeAll(stdio);
    await stdio.finish();
  }
}

/** Those that were not moved. */
function closeAll({ fds }: Stdio): void {
  for (const fd of Object.values(fds)) {
    if (typeof fd === 'object') fd.close();
  }
}

function limitsOf({ memory, cpuTime, wallTime, processes, openFiles = mostOpenFiles() }: RunOptions): Limits {
  return { memory, cpuTime, wallTime, processes, openFiles, fileSize: FILE_SIZE, sharedMemory: 0 };
}

/** What it can have in flight has to stay below this process's own limit (fd-account.ts). */
function mostOpenFiles(): number {
  const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return Math.max(32, Math.min(RUN_DEFAULTS.openFiles, Number(soft ?? Infinity) - 254));
}

function openForResult(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new CommandFailure(`--json: cannot write ${path}: ${errorCode(error) ?? String(error)}`);
  }
}

function writeResult(fd: number, result: Result): void {
  const text = JSON.stringify(result, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 2);
  writeSync(fd, `${text}\n`);
  closeSync(fd);
}

const LIMIT_STATUS = { memory: 137, processes: 137, openFiles: 137, cpuTime: 152, fileSize: 153 } as const;

/** And says why in a line, where the status is not the program's own. */
function statusOf(result: Result): number {
  if (result.status === 'ok') {
    if (result.exitCode !== 0) tellOfNetwork(result);
    return result.exitCode;
  }
  complain(describeResult(result));
  switch (result.status) {
    case 'violation':
      return 159;
    case 'timeout':
      return 124;
    case 'limit':
      return LIMIT_STATUS[result.which];
    case 'signaled':
      return 128 + signalNumber(result.signal);
    case 'killed':
      return 137;
    default:
      return 125;
  }
}

/** Programs say only that they could not connect. */
function tellOfNetwork({ denials }: Result): void {
  const asked = denials.find(({ name }) => name === 'socket');
  if (asked !== undefined) complain(`it asked for the network, and there is none: ${asked.text}`);
}

function signalNumber(name: string): number {
  return Object.entries(constants.signals).find(([each]) => each === name)?.[1] ?? (Number(/\d+/.exec(name)?.[0]) || 0);
}
