import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { DeclaredFds } from '../declared-fds.js';
import { type ProgramExecutor, program } from '../executor.js';
import { isBeneath } from '../plan/mounts.js';
import { filesOf } from '../policy/files-of.js';
import type { FilesystemPolicy } from '../policy/filesystem.js';
import { dangerouslyAllowWriteExecutable } from '../policy/index.js';
import { CommandFailure } from './failure.js';
import type { RunOptions } from './run-options.js';
import {
  DEVICES,
  HOME,
  isFolder,
  isSystem,
  nodePrefix,
  ownFiles,
  SHOWN_WHERE_PRESENT,
  SYMLINKS,
  TERMINAL_DEVICES,
  TMPFS_SIZES,
} from './surroundings.js';

const USUAL_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** Passed on, since they say how to speak to the user and nothing about the host. */
const PASSED_ON = ['LANG', 'LC_ALL', 'TERM', 'COLORTERM'];
/** In a writable folder what the host itself would run, or go by. */
const RUN_BY_THE_HOST = ['node_modules', '.env'];

export interface Standard {
  readonly fds: DeclaredFds;
  /** Which of them is the terminal of its session. */
  readonly terminal: number | undefined;
}

/** @throws CommandFailure for what is not there */
export function runExecutor(options: RunOptions, { fds, terminal }: Standard): ProgramExecutor {
  const execPath = realpathSync.native(process.execPath);
  const prefix = nodePrefix(execPath);
  const path = [...(isSystem(execPath) ? [] : [dirname(execPath)]), ...USUAL_PATH];
  const file = findProgram(options.program, path);
  const shown = options.read.map((each) => existing(each, '--read'));
  const writable = options.write.map((each) => writablePlace(each));
  const read = [
    ...shown,
    ...(prefix === undefined ? [] : [prefix]),
    ...(prefix === undefined && !isSystem(execPath) ? [execPath] : []),
    ...writable.flatMap((place) => keptFrom(place)),
  ];
  const executor = program(file, {
    args: options.args,
    argv0: options.program,
    env: environmentOf(options, path),
    cwd: workingFolder([...shown, ...writable, ...(prefix === undefined ? [] : [prefix])]),
    read,
    fds,
    comms: 'none',
  });
  return {
    ...executor,
    view: {
      ifPresent: SHOWN_WHERE_PRESENT,
      files: writtenFiles(writable, tmpfsSizes(options)),
      devices: terminal === undefined ? DEVICES : [...DEVICES, ...TERMINAL_DEVICES],
      symlinks: SYMLINKS,
      texts: ownFiles,
      terminal,
    },
  };
}

/** As a shell does: a name with a slash is a path, others are looked for, first where the program will see them. */
function findProgram(name: string, path: readonly string[]): string {
  if (name.includes('/')) {
    const file = resolve(name);
    const facts = statSync(file, { throwIfNoEntry: false });
    if (facts === undefined) throw new CommandFailure(`${name}: there is no such program`);
    if (!facts.isFile()) throw new CommandFailure(`${name} is not a file that could be run`);
    if (!isExecutable(file))
      throw new CommandFailure(`${name} is not executable: chmod +x it, or name its interpreter`);
    return file;
  }
  if (name === basename(process.execPath)) return process.execPath;
  const hosts = (process.env.PATH ?? '').split(':').filter(isAbsolute);
  for (const folder of [...path, ...hosts]) {
    const file = join(folder, name);
    if (isExecutable(file)) return file;
  }
  throw new CommandFailure(`${name}: there is no such program in PATH`);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function existing(path: string, option: string): string {
  const place = resolve(path);
  try {
    statSync(place);
  } catch {
    throw new CommandFailure(`${option}: there is no ${path}`);
  }
  return place;
}

function writablePlace(path: string): string {
  const place = existing(path, '--write');
  const real = realpathSync.native(place);
  const facts = statSync(real);
  if (!facts.isDirectory() && !facts.isFile())
    throw new CommandFailure(`--write: ${path} is neither a folder nor a file`);
  const isShared =
    real === '/' ||
    isSystem(real) ||
    ['/etc', '/dev', '/proc', '/sys', '/home', '/root', '/var', '/run'].includes(real);
  if (isShared) throw new CommandFailure(`--write: ${path} holds more than a program's own files; name what it needs`);
  try {
    accessSync(real, constants.W_OK);
  } catch {
    throw new CommandFailure(`--write: this user may not write ${path}`);
  }
  // Root's programs have a uid and a gid that own nothing (lease.ts).
  if (process.geteuid?.() === 0 && (facts.mode & constants.S_IWOTH) === 0) {
    throw new CommandFailure(
      `--write: ${path} is not for all to write, and under root the program has a uid of its own: run this as the user who owns it, or chmod o+w`,
    );
  }
  return place;
}

/** Shown read-only on top of a writable folder, beside what no grant makes writable (plan/trusted.ts). */
function keptFrom(folder: string): readonly string[] {
  const real = realpathSync.native(folder);
  return RUN_BY_THE_HOST.map((name) => join(real, name)).filter((each) => statSync(each, { throwIfNoEntry: false }));
}

function tmpfsSizes({ tmpfs }: RunOptions): ReadonlyMap<string, number> {
  const sizes = new Map(Object.entries(TMPFS_SIZES));
  for (const { path, size } of tmpfs) {
    const place = resolve(path);
    if (place === '/' || isSystem(place)) throw new CommandFailure(`--tmpfs: ${path} would hide what programs need`);
    sizes.set(place, size ?? sizes.get(place) ?? TMPFS_SIZES['/dev/shm'] ?? 0);
  }
  return sizes;
}

function environmentOf({ env }: RunOptions, path: readonly string[]): Record<string, string> {
  const variables: Record<string, string> = {
    PATH: path.join(':'),
    HOME,
    USER: 'sandboxee',
    LOGNAME: 'sandboxee',
  };
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) variables[name] = value;
  }
  for (const { name, value = process.env[name] } of env) {
    if (value === undefined) throw new CommandFailure(`--env: there is no variable ${name} here; give it a value`);
    variables[name] = value;
  }
  return variables;
}

function workingFolder(shown: readonly string[]): string {
  const folder = process.cwd();
  const isShown =
    isSystem(folder) || shown.some((place) => isBeneath(folder, realpathSync.native(place)) && isFolder(place));
  return isShown ? folder : HOME;
}

/** Programs that build things run them. */
function writtenFiles(writable: readonly string[], tmpfs: ReadonlyMap<string, number>): FilesystemPolicy {
  return filesOf('run', [
    { call: 'allowWriteExecutable', token: dangerouslyAllowWriteExecutable },
    ...writable.map((path) => ({ call: isFolder(path) ? 'addDirectory' : 'addFile', path, writable: true }) as const),
    ...[...tmpfs].map(([inside, size]) => ({ call: 'addTmpfs', inside, size }) as const),
  ]);
}
