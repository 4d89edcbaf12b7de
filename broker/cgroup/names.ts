import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { pid } from 'node:process';
import { statField } from '../process/stat.js';

/** The folder, in a group that was delegated to the broker, in which its sandboxees' groups are. */
export const FOLDER = 'sallyport';

/** A broker, as the names of its groups tell: pids are used again, and mean something in their own namespace only. */
interface Owner {
  /** Inode number. */
  readonly namespace: string;
  readonly pid: number;
  /** Clock ticks since the boot. */
  readonly started: string;
}

let own: Owner | undefined;
let made = 0;

/** Of a group that nobody else has: each thread of a process, by its tid, counts by itself. */
export function newGroupName(): string {
  made += 1;
  const { namespace, pid: number, started } = ownIdentity();
  return `${namespace}-${number}-${started}-${ownThread()}-${made}`;
}

/** As /proc knows it, PID/task/TID: Node's own number costs a part of Node that takes longer to load than all of this. */
function ownThread(): string {
  return basename(readlinkSync('/proc/thread-self'));
}

/** Whether this process made it. */
export function isOwnGroup(name: string): boolean {
  const { namespace, pid: number, started } = ownIdentity();
  return name.startsWith(`${namespace}-${number}-${started}-`);
}

/** Whether its broker is certainly gone: a broker in another pid namespace cannot be looked for. */
export function isAbandoned(name: string): boolean {
  const [, namespace, owner, started] = /^(\d+)-(\d+)-(\d+)-\d+-\d+$/.exec(name) ?? [];
  if (namespace === undefined || namespace !== ownIdentity().namespace) return false;
  return startOf(Number(owner)) !== started;
}

function ownIdentity(): Owner {
  own ??= {
    namespace: readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''),
    pid,
    started: startOf(pid) ?? '0',
  };
  return own;
}

/** Undefined where there is no such process. */
function startOf(number: number): string | undefined {
  try {
    return statField(readFileSync(`/proc/${number}/stat`, 'latin1'), 22);
  } catch {
    return undefined;
  }
}
