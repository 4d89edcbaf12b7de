import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
import * as native from '../../native/broker.js';
import { errorCode } from '../../protocols/error-code.js';
import { O_PATH } from '../../protocols/fd-facts.js';
import { statField } from './stat.js';

/** One line of /proc/PID/fd, as far as it can be seen without touching the file itself. */
export interface OpenDescriptor {
  readonly fd: number;
  /** What the magic link says, e.g. `/etc/hosts`, `socket:[123]`, `anon_inode:[eventpoll]`. */
  readonly target: string;
  readonly writable: boolean;
  readonly directory: boolean;
  /** Opened with O_PATH: neither readable nor writable, but a handle on a place in the file system. */
  readonly pathOnly: boolean;
}

/** The fields of /proc/PID/status that the broker judges by. Bytes. */
export interface ProcessStatus {
  /** False of a thread that has ended, though others of its process may go on. */
  readonly hasMemory: boolean;
  /** Private and shared memory, swap, and the page tables of all; file pages not. */
  readonly memory: number;
  readonly filePages: number;
  readonly mappedData: number;
  readonly threads: number;
  readonly noNewPrivs: number;
  readonly seccompMode: number;
  readonly seccompFilters: number;
}

/** Of linux/sched.h. */
const PF_EXITING = 4;

/** More than any of these files has: a status is 1.5 KiB, and a thread has not a thousand children. */
const ROOM = 8192;
/** Bytes of /proc/PID/maps: 65,530 mappings are the most (vm.max_map_count), and a name rarely has a hundred. */
const MOST_MAPS = 32 * 1024 * 1024;

/**
 * A process, seen through a /proc directory that is held open: after its death every read fails, however soon its number
 * is given to another. Open it while a pidfd of the process is known to be alive. Nothing here takes the process's mmap
 * lock on the JS thread, except `mapNames()`, which reads on the thread pool.
 */
export class ProcessView implements Disposable {
  readonly #directory: number;
  readonly #status: number;
  readonly #buffer = Buffer.allocUnsafe(ROOM);
  #open = true;

  constructor(readonly pid: number) {
    this.#directory = openSync(`/proc/${pid}`, O_PATH | constants.O_DIRECTORY);
    try {
      this.#status = openSync(this.#path('status'), 'r');
    } catch (error) {
      closeSync(this.#directory);
      throw error;
    }
  }

  #path(name: string): string {
    return `/proc/self/fd/${this.#directory}/${name}`;
  }

  /** A small file, whole: half of what readFileSync costs. */
  #read(name: string): string {
    const fd = openSync(this.#path(name), 'r');
    try {
      return this.#buffer.toString('latin1', 0, readSync(fd, this.#buffer, 0, ROOM, 0));
    } finally {
      closeSync(fd);
    }
  }

  /** One pread: cheap enough for a sampler. Throws ESRCH after the end of the process. */
  status(): ProcessStatus {
    const length = readSync(this.#status, this.#buffer, 0, ROOM, 0);
    return parseStatus(this.#buffer.toString('latin1', 0, length));
  }

  /** As `status()`, also of a process whose main thread has ended before the others: there the kernel shows no memory. */
  livingStatus(): ProcessStatus {
    const status = this.status();
    if (status.hasMemory) return status;
    const others = this.tasks().map((tid) => ifThere(() => this.taskStatus(tid)));
    return others.find((other) => other?.hasMemory) ?? status;
  }

  taskStatus(tid: number): ProcessStatus {
    return parseStatus(this.#read(`task/${tid}/status`));
  }

  /** Whether it is on its way out, where it runs nothing more of the program: task->flags. */
  taskIsExiting(tid: number): boolean {
    const flags = Number(statField(this.#read(`task/${tid}/stat`), 9));
    return (flags & PF_EXITING) !== 0;
  }

  tasks(): number[] {
    return readdirSync(this.#path('task')).map(Number);
  }

  /** Children of all its threads. */
  children(): number[] {
    return this.tasks().flatMap((tid) => ifThere(() => parseNumbers(this.#read(`task/${tid}/children`))) ?? []);
  }

  descriptors(tid?: number): OpenDescriptor[] {
    const folder = this.#path(tid === undefined ? 'fd' : `task/${tid}/fd`);
    return readdirSync(folder).flatMap((name) => ifThere(() => describeDescriptor(folder, name)) ?? []);
  }

  /** How many fds are open, without naming them. The size of the directory is that number from Linux 6.2 on. */
  countDescriptors(): number {
    const count = this.#countIn('fd');
    if (count > 0) return count;
    // The main thread has ended: those that go on have the fds.
    return Math.max(0, ...this.tasks().map((tid) => ifThere(() => this.#countIn(`task/${tid}/fd`)) ?? 0));
  }

  #countIn(folder: string): number {
    const { size } = lstatSync(`${this.#path(folder)}/`);
    if (size > 0) return size;
    try {
      return readdirSync(this.#path(folder)).length;
    } catch (error) {
      // Nor may root without CAP_SYS_PTRACE look: then RLIMIT_NOFILE holds the limit by itself.
      // What a thread had is closed to all but root once it has ended.
      if (errorCode(error) === 'EACCES') return 0;
      throw error;
    }
  }

  /** CPU time of user and system, its waited-for children included. Milliseconds, at the clock tick's 10 ms. */
  cpuTime(): number {
    const text = this.#read('stat');
    const ticks = [14, 15, 16, 17].reduce((sum, number) => sum + Number(statField(text, number)), 0);
    return ticks * 10;
  }

  /** What the kernel says of speculation in its main thread, e.g. `thread force mitigated`, `vulnerable`. */
  speculation(): { readonly storeBypass: string; readonly indirectBranch: string } {
    const text = this.#read('status');
    const word = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? 'unknown';
    return { storeBypass: word('Speculation_Store_Bypass'), indirectBranch: word('SpeculationIndirectBranch') };
  }

  /** The last column of /proc/PID/maps. On the thread pool, since it takes the process's mmap lock. */
  async mapNames(): Promise<string[]> {
    const text = await this.maps();
    return text.split('\n').map((line) => line.slice(73).trim());
  }

  /** Whole. On the thread pool, as `mapNames()`. */
  maps(): Promise<string> {
    return this.#readLater('maps');
  }

  #readLater(name: string): Promise<string> {
    return new Promise((resolve, reject) => {
      native.readWhole(this.#path(name), MOST_MAPS, (error, bytes) => {
        if (error) reject(error);
        else resolve(bytes.toString('latin1'));
      });
    });
  }

  /** As the thread has set it: any bytes but NUL, at most 15. Empty where it has ended. */
  threadName(tid: number): string {
    return ifThere(() => this.#read(`task/${tid}/comm`).replace(/\n$/, '')) ?? '';
  }

  /** Where a thread is that waits in a syscall; undefined where it runs, or the kernel does not tell. */
  async blockedAt(tid: number): Promise<{ readonly instruction: bigint; readonly stack: bigint } | undefined> {
    const text = await this.#readLater(`task/${tid}/syscall`).catch(() => '');
    const [stack, instruction] = text.trim().split(' ').slice(-2);
    if (!stack?.startsWith('0x') || !instruction?.startsWith('0x')) return undefined;
    return { instruction: BigInt(instruction), stack: BigInt(stack) };
  }

  /** False after its end: its number may then be another's. */
  exists(): boolean {
    return this.#open && ifThere(() => this.status()) !== undefined;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#status);
    closeSync(this.#directory);
  }
}

/** What was found, or undefined where the process, thread or fd that it was about has ended or was closed meanwhile. */
export function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

export function isGone(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ESRCH' || code === 'ENOENT';
}

function describeDescriptor(folder: string, name: string): OpenDescriptor {
  const target = readlinkSync(`${folder}/${name}`);
  const { mode } = lstatSync(`${folder}/${name}`);
  return {
    fd: Number(name),
    target,
    writable: (mode & 0o200) !== 0,
    directory: target.startsWith('/') && statSync(`${folder}/${name}`).isDirectory(),
    pathOnly: (mode & 0o600) === 0,
  };
}

function parseNumbers(text: string): number[] {
  return text
    .split(' ')
    .filter((part) => part !== '' && part !== '\n')
    .map(Number);
}

export function parseStatus(text: string): ProcessStatus {
  const kilobytes = (name: string): number => (field(text, name) ?? 0) * 1024;
  return {
    hasMemory: field(text, 'VmSize') !== undefined,
    // Page tables too: a read of each 2 MiB of a mapping that only reads takes 4 KiB of them, and counts nowhere else.
    memory: kilobytes('RssAnon') + kilobytes('RssShmem') + kilobytes('VmSwap') + kilobytes('VmPTE'),
    filePages: kilobytes('RssFile'),
    mappedData: kilobytes('VmData'),
    threads: field(text, 'Threads') ?? 0,
    noNewPrivs: field(text, 'NoNewPrivs') ?? 0,
    seccompMode: field(text, 'Seccomp') ?? 0,
    seccompFilters: field(text, 'Seccomp_filters') ?? 0,
  };
}

function field(text: string, name: string): number | undefined {
  const start = text.indexOf(`\n${name}:`);
  if (start < 0) return undefined;
  return Number.parseInt(text.slice(start + name.length + 2), 10);
}

/** The process that a pidfd names, in the numbers of this /proc. -1 after its end. */
export function pidOf(pidfd: number): number {
  return field(readFileSync(`/proc/self/fdinfo/${pidfd}`, 'latin1'), 'Pid') ?? -1;
}
