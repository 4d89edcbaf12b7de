import { existsSync, realpathSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Fd } from '../protocols/fd.js';
import { type DeclaredFds, type FdLayout, layOut } from './declared-fds.js';
import { OptionError } from './errors.js';
import { type Interpreter, interpreterOf } from './interpreter.js';
import type { ProgramView } from './plan/visible.js';

/** What every executor can be told. */
export interface ExecutorOptions {
  /** The arguments after the program's own name, or after the script. */
  readonly args?: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further files and folders that the program may see, read-only, at their own place. Absolute paths. */
  readonly read?: readonly string[];
  /**
   * What it has open from the start, by name or number. An `Fd` is moved to it, so that an executor which has one serves one
   * launch. `pipe` and `socket`: the broker's end is in `sandboxee.fds`.
   */
  readonly fds?: DeclaredFds;
}

export interface NodeOptions extends ExecutorOptions {
  /** Options of Node itself. */
  readonly execArgv?: readonly string[];
  /** The Node binary. Default: the broker's own. */
  readonly execPath?: string;
  /** How many `worker_threads` it will have at once: from Node 24 on each maps half a GiB that is never touched. Default 1. */
  readonly workerThreads?: number;
}

export interface ProgramOptions extends ExecutorOptions {
  /** What the program takes for its name. Default: as it was given. */
  readonly argv0?: string;
  /** Where it starts, as it is inside. Default `/`. */
  readonly cwd?: string;
  /** It has no socket to the broker, and all its fd numbers are its own to close: for programs that know nothing of comms. */
  readonly comms?: 'none';
}

interface Common {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly read: readonly string[];
  readonly fds: FdLayout;
}

/** A Node program that shuts the gate behind itself. */
export interface NodeExecutor extends Common {
  readonly kind: 'node';
  readonly script: string;
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly workerThreads: number;
}

/** Any program, filtered from its first instruction. */
export interface ProgramExecutor extends Common {
  readonly kind: 'program';
  readonly file: ProgramFile;
  readonly argv0: string;
  readonly cwd: string;
  /** Beside what `read` names. */
  readonly view: ProgramView | undefined;
}

export type ProgramFile =
  /** `path` is real. A script is run by its interpreter, as the kernel would. */
  | { readonly kind: 'path'; readonly path: string; readonly interpreter: Interpreter | undefined }
  | { readonly kind: 'fd'; readonly fd: Fd };

/** What to run. Immutable, and not bound to a sandboxee: one without fds serves many launches. */
export type Executor = NodeExecutor | ProgramExecutor;

const COMMON_OPTIONS = ['args', 'env', 'read', 'fds'];
const NODE_OPTIONS = [...COMMON_OPTIONS, 'execArgv', 'execPath', 'workerThreads'];
const PROGRAM_OPTIONS = [...COMMON_OPTIONS, 'argv0', 'cwd', 'comms'];

/**
 * A Node program that loads and warms up unfiltered, and then calls `sandboxMeHere()`.
 *
 * @param script a file: URL or an absolute path of a JavaScript file
 * @throws OptionError where the script does not exist or an option cannot be honoured
 */
export function node(script: URL | string, options: NodeOptions = {}): NodeExecutor {
  requireKnown('node()', options, NODE_OPTIONS);
  const workerThreads = options.workerThreads ?? 1;
  if (!Number.isSafeInteger(workerThreads) || workerThreads < 0 || workerThreads > 256) {
    throw new OptionError('node().workerThreads', `${workerThreads} is not a whole number from 0 to 256`);
  }
  return {
    kind: 'node',
    script: realFile(pathOf(script, 'node().script'), 'node().script'),
    execPath: realFile(options.execPath ?? process.execPath, 'node().execPath'),
    execArgv: withoutNul(options.execArgv ?? [], 'node().execArgv'),
    workerThreads,
    ...common('node()', options),
  };
}

/**
 * Any program, confined before its first instruction: it needs to know nothing of sallyport. A script is run by the interpreter
 * that its first line names, which the policy must let it see.
 *
 * @param path a file: URL or an absolute path
 * @throws OptionError where the file does not exist or an option cannot be honoured
 */
export function program(path: URL | string, options: ProgramOptions = {}): ProgramExecutor {
  requireKnown('program()', options, PROGRAM_OPTIONS);
  const given = pathOf(path, 'program().path');
  const real = realFile(given, 'program().path');
  return {
    kind: 'program',
    file: { kind: 'path', path: real, interpreter: interpreterOf(real) },
    ...programCommon('program()', given, options),
  };
}

/**
 * As `program()`, of an open file that need not have a path: a memfd, or what somebody sent. It is moved, so that the executor
 * serves one launch; and it is not open inside.
 */
export function fromFd(fd: Fd, options: ProgramOptions = {}): ProgramExecutor {
  requireKnown('fromFd()', options, PROGRAM_OPTIONS);
  if (fd.kind !== 'file' && fd.kind !== 'memory') {
    throw new OptionError('fromFd().fd', `a ${fd.kind} cannot be executed; give it a file or a memfd`);
  }
  return { kind: 'program', file: { kind: 'fd', fd }, ...programCommon('fromFd()', 'program', options) };
}

function programCommon(call: string, name: string, options: ProgramOptions): Omit<ProgramExecutor, 'kind' | 'file'> {
  const { argv0 = name, cwd = '/' } = options;
  if (typeof cwd !== 'string' || !cwd.startsWith('/')) {
    throw new OptionError(`${call}.cwd`, `${String(cwd)} is not an absolute path`);
  }
  withoutNul([argv0], `${call}.argv0`);
  if (options.comms !== undefined && options.comms !== 'none') {
    throw new OptionError(`${call}.comms`, `'none' is all that there is; leave it out for a program that speaks comms`);
  }
  return { argv0, cwd, view: undefined, ...common(call, options, options.comms) };
}

function common(call: string, options: ExecutorOptions, comms?: 'none'): Common {
  const fds = layOut(options.fds ?? {}, `${call}.fds`, comms);
  return {
    args: withoutNul(options.args ?? [], `${call}.args`),
    env: checkedEnvironment(options.env ?? {}, `${call}.env`),
    read: strings(options.read ?? [], `${call}.read`).map((path) => absolute(path, `${call}.read`)),
    fds,
  };
}

function requireKnown(call: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!names.includes(name))
      throw new OptionError(`${call}.${name}`, `no such option; there are ${names.join(', ')}`);
  }
}

function pathOf(file: URL | string, option: string): string {
  if (file instanceof URL && file.protocol !== 'file:') throw new OptionError(option, `${file.href} is no file: URL`);
  return file instanceof URL || String(file).startsWith('file:') ? fileURLToPath(file) : file;
}

function realFile(path: string, option: string): string {
  const real = realpathSync(absolute(path, option));
  if (!statSync(real).isFile()) throw new OptionError(option, `${path} is not a file`);
  return real;
}

/** It exists; symlinks on the way are the sandboxee's to see as well. */
function absolute(path: string, option: string): string {
  if (typeof path !== 'string' || !path.startsWith('/'))
    throw new OptionError(option, `${path} is not an absolute path`);
  if (!existsSync(path)) throw new OptionError(option, `${path} does not exist`);
  return path;
}

function strings(values: readonly string[], option: string): readonly string[] {
  if (!Array.isArray(values)) throw new OptionError(option, `${String(values)} is not an array`);
  for (const value of values) {
    if (typeof value !== 'string') throw new OptionError(option, `${String(value)} is not a string`);
  }
  return values;
}

function withoutNul(values: readonly string[], option: string): readonly string[] {
  for (const value of strings(values, option)) {
    if (value.includes('\0')) throw new OptionError(option, 'a NUL byte ends a string in the kernel; take it out');
  }
  return Object.freeze([...values]);
}

function checkedEnvironment(env: Readonly<Record<string, string>>, option: string): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new OptionError(option, `${JSON.stringify(name)} is no name of a variable`);
    if (name.startsWith('SALLYPORT_')) throw new OptionError(option, `${name} is for the launch itself to set`);
    withoutNul([value], `${option}.${name}`);
  }
  return Object.freeze({ ...env });
}
