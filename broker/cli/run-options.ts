import { KiB, MiB } from '../../protocols/units.js';
import { CommandFailure } from './failure.js';

export interface RunOptions {
  readonly policy: string | undefined;
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly tmpfs: readonly { readonly path: string; readonly size: number | undefined }[];
  readonly env: readonly { readonly name: string; readonly value: string | undefined }[];
  /** Bytes. */
  readonly memory: number;
  /** Milliseconds. */
  readonly cpuTime: number;
  readonly wallTime: number;
  readonly processes: number;
  /** Undefined: as many as this process can vouch for. */
  readonly openFiles: number | undefined;
  readonly json: string | undefined;
  readonly program: string;
  readonly args: readonly string[];
}

const GiB = 1024 * MiB;

export const RUN_DEFAULTS = { memory: 2 * GiB, processes: 512, openFiles: 1024 };

export const RUN_HELP = `Usage: sallyport run [options] [--] PROGRAM [ARG...]

Runs a program confined. It sees /usr, what of /etc programs need, the version of Node that runs this, a /tmp, /dev and /proc
of its own, and what is named here; no homes, no /var, no network. stdin, stdout and stderr pass through; on a terminal it
has a terminal of its own. It starts in this folder where it sees it, else in /tmp.

  --read PATH             show a file or a folder, read-only, at its own place
  --write PATH            the same, and let it be changed; in it .git, node_modules, .env and the policy stay as they are
  --tmpfs PATH[:SIZE]     an empty folder in memory; /tmp has 256M, /dev/shm 64M
  --env NAME[=VALUE]      a variable, with the value that it has here where none is given
  --policy FILE           another policy than the usual one for programs
  --memory SIZE           of the whole process tree (default 2G); 300M, 2G, or bytes
  --cpu-time SECONDS      of the whole process tree (default: no limit)
  --wall-time SECONDS     (default: no limit)
  --processes N           processes and threads (default 512)
  --open-files N          of each process (default 1024)
  --tier full             what confines it; launch() has others
  --json FILE             write the result there, as JSON
  --net HOST[:PORT]       comes with brokered network
  -h, --help              this

Its environment is PATH, HOME=/tmp, USER and LOGNAME=sandboxee, LANG and LC_ALL and TERM and COLORTERM as they are here, and
what --env names.

Exit status: the program's own; 128+n for signal n; 159 a violation of the policy; 124 wall time; 137 memory, processes or
open files; 152 CPU time; 153 file size; 125 it could not be started, or bad usage. All but the program's own come with one
line on stderr.
`;

interface Draft {
  policy: string | undefined;
  read: string[];
  write: string[];
  tmpfs: { path: string; size: number | undefined }[];
  env: { name: string; value: string | undefined }[];
  memory: number;
  cpuTime: number;
  wallTime: number;
  processes: number;
  openFiles: number | undefined;
  json: string | undefined;
}

const OPTIONS: Readonly<Record<string, (draft: Draft, value: string, option: string) => void>> = {
  '--policy': (draft, value) => {
    draft.policy = value;
  },
  '--read': ({ read }, value) => read.push(value),
  '--write': ({ write }, value) => write.push(value),
  '--tmpfs': ({ tmpfs }, value, option) => tmpfs.push(parseTmpfs(value, option)),
  '--env': ({ env }, value, option) => env.push(parseVariable(value, option)),
  '--memory': (draft, value, option) => {
    draft.memory = parseSize(value, option);
  },
  '--cpu-time': (draft, value, option) => {
    draft.cpuTime = parseSeconds(value, option);
  },
  '--wall-time': (draft, value, option) => {
    draft.wallTime = parseSeconds(value, option);
  },
  '--processes': (draft, value, option) => {
    draft.processes = parseCount(value, option);
  },
  '--open-files': (draft, value, option) => {
    draft.openFiles = parseCount(value, option);
  },
  '--tier': (_draft, value, option) => requireFullTier(value, option),
  '--json': (draft, value) => {
    draft.json = value;
  },
  '--net': () => {
    throw new CommandFailure('--net comes with brokered network, which this version does not have: leave it out');
  },
};

/**
 * What follows `sallyport run`, up to the program; what follows that is the program's own. `help`: it was asked for.
 *
 * @throws CommandFailure
 */
export function parseRun(words: readonly string[]): RunOptions | 'help' {
  const draft: Draft = {
    policy: undefined,
    read: [],
    write: [],
    tmpfs: [],
    env: [],
    memory: RUN_DEFAULTS.memory,
    cpuTime: Infinity,
    wallTime: Infinity,
    processes: RUN_DEFAULTS.processes,
    openFiles: undefined,
    json: undefined,
  };
  let at = 0;
  for (let word = words[at]; word?.startsWith('-') === true && word !== '-'; word = words[at]) {
    at += 1;
    if (word === '--') break;
    if (word === '-h' || word === '--help') return 'help';
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const take = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (take === undefined) throw usage(`unknown option '${name}'`);
    const value = equals < 0 ? words[at] : word.slice(equals + 1);
    if (equals < 0) at += 1;
    if (value === undefined || value === '') throw usage(`option '${name}' needs a value`);
    take(draft, value, name);
  }
  const [program, ...args] = words.slice(at);
  if (program === undefined || program === '') throw usage('a program is missing');
  return { ...draft, program, args };
}

function usage(problem: string): CommandFailure {
  return new CommandFailure(`${problem}; sallyport run --help tells more`);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: KiB, m: MiB, g: GiB };

function parseSize(text: string, option: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
  const size = Math.floor(Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN));
  if (digits === '' || !Number.isSafeInteger(size) || size < 1) {
    throw usage(`${option}: '${text}' is no size; 300M and 2G are`);
  }
  return size;
}

/** Milliseconds. */
function parseSeconds(text: string, option: string): number {
  const time = Math.round(Number(text) * 1000);
  if (!/^\d+(\.\d+)?$/.test(text) || time < 1) throw usage(`${option}: '${text}' is no number of seconds above 0`);
  return time;
}

function parseCount(text: string, option: string): number {
  if (!/^\d{1,9}$/.test(text)) throw usage(`${option}: '${text}' is no whole number`);
  return Number(text);
}

/** The size is what follows the last colon, where that could be one. */
function parseTmpfs(text: string, option: string): { path: string; size: number | undefined } {
  const colon = text.lastIndexOf(':');
  if (colon < 0 || text.slice(colon).includes('/')) return { path: text, size: undefined };
  return { path: text.slice(0, colon), size: parseSize(text.slice(colon + 1), option) };
}

function parseVariable(text: string, option: string): { name: string; value: string | undefined } {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw usage(`${option}: '${name}' is no name of a variable`);
  return { name, value: equals < 0 ? undefined : text.slice(equals + 1) };
}

function requireFullTier(text: string, option: string): void {
  if (text === 'full') return;
  const problem =
    text === 'base' ? 'base has no root and /tmp of their own to give to programs' : `'${text}' is no tier`;
  throw usage(`${option}: ${problem}; full is the one that run has`);
}
