import { existsSync, realpathSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OptionError } from './errors.js';

export interface NodeOptions {
  /** `process.argv` from index 2 on. */
  readonly args?: readonly string[];
  /** Options of Node itself. */
  readonly execArgv?: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** The Node binary. Default: the broker's own. */
  readonly execPath?: string;
  /** Further files and folders that the program may see, read-only, at their own place. Real absolute paths. */
  readonly read?: readonly string[];
  /** How many `worker_threads` it will have at once: from Node 24 on each maps half a GiB that is never touched. Default 1. */
  readonly workerThreads?: number;
}

/** What to run. Immutable, and not bound to a sandboxee: one executor serves many launches. */
export interface Executor {
  readonly kind: 'node';
  readonly script: string;
  readonly execPath: string;
  readonly args: readonly string[];
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly read: readonly string[];
  readonly workerThreads: number;
}

const OPTION_NAMES = ['args', 'execArgv', 'env', 'execPath', 'read', 'workerThreads'];

/**
 * A Node program that loads and warms up unfiltered, and then calls `sandboxMeHere()`.
 *
 * @param script a file: URL or an absolute path of a JavaScript file
 * @throws OptionError where the script does not exist or an option cannot be honoured
 */
export function node(script: URL | string, options: NodeOptions = {}): Executor {
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.includes(name)) {
      throw new OptionError(`node().${name}`, `no such option; there are ${OPTION_NAMES.join(', ')}`);
    }
  }
  const workerThreads = options.workerThreads ?? 1;
  if (!Number.isSafeInteger(workerThreads) || workerThreads < 0 || workerThreads > 256) {
    throw new OptionError('node().workerThreads', `${workerThreads} is not a whole number from 0 to 256`);
  }
  return {
    kind: 'node',
    script: scriptPath(script),
    execPath: realFile(options.execPath ?? process.execPath, 'node().execPath'),
    args: withoutNul(options.args ?? [], 'node().args'),
    execArgv: withoutNul(options.execArgv ?? [], 'node().execArgv'),
    env: checkedEnvironment(options.env ?? {}),
    read: strings(options.read ?? [], 'node().read').map((path) => existing(path, 'node().read')),
    workerThreads,
  };
}

function scriptPath(script: URL | string): string {
  if (script instanceof URL && script.protocol !== 'file:')
    throw new OptionError('node().script', `${script.href} is no file: URL`);
  const path = script instanceof URL || String(script).startsWith('file:') ? fileURLToPath(script) : script;
  return realFile(path, 'node().script');
}

function realFile(path: string, option: string): string {
  const real = existing(path, option);
  if (!statSync(real).isFile()) throw new OptionError(option, `${path} is not a file`);
  return real;
}

function existing(path: string, option: string): string {
  if (typeof path !== 'string' || !path.startsWith('/'))
    throw new OptionError(option, `${path} is not an absolute path`);
  if (!existsSync(path)) throw new OptionError(option, `${path} does not exist`);
  return realpathSync(path);
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

function checkedEnvironment(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new OptionError(`node().env`, `${JSON.stringify(name)} is no name of a variable`);
    withoutNul([value], `node().env.${name}`);
  }
  return Object.freeze({ ...env });
}
