import { ifThere, type OpenDescriptor, type ProcessView } from './process-view.js';

/** What verification holds the sandboxee against. */
export interface Expectation {
  /** `Seccomp_filters` at hello. */
  readonly filtersBefore: number;
  /** The number inside of its end of comms, and its inode. */
  readonly comms: number | 'none';
  readonly commsInode: bigint;
  /** Fds that the executor declared, by number. */
  readonly declared: ReadonlySet<number>;
  readonly launcher: ProcessView;
  readonly sandboxee: ProcessView;
  /** Whether its fds and maps can be looked at: not by root without CAP_SYS_PTRACE. */
  readonly inspectable: boolean;
  /** kcmp(KCMP_FILES); undefined where the kernel has none. */
  readonly sameFileTable: ((pid: number, tid: number) => boolean) | undefined;
}

/** A named reason why a sandboxee may not go on. */
export interface GateFinding {
  readonly step: string;
  readonly detail: string;
  readonly hint: string;
}

const HARMLESS_DEVICES = new Set(['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom']);
const HARMLESS_ANONYMOUS = new Set(['[eventpoll]', '[eventfd]', '[timerfd]', '[signalfd]', 'inotify']);

/**
 * Looks for what trusted start-up may have left open by accident: it catches accidents, not malice, since the code that
 * ran so far is trusted. Call it after the sandboxee's *sealed* and before *go*, with both pidfds known to be alive before,
 * and check them again after. Threads and fds may come and go meanwhile: a new thread inherits the filter, and a new fd
 * is a copy of another.
 */
export async function verifyGate(expected: Expectation): Promise<GateFinding | undefined> {
  if (!expected.inspectable) return verifyFilter(expected.sandboxee, expected.filtersBefore) ?? findProcess(expected);
  // Reading maps takes the thread pool some time, in which the rest is looked through.
  const maps = expected.sandboxee.mapNames();
  const finding =
    verifyFilter(expected.sandboxee, expected.filtersBefore) ?? findProcess(expected) ?? findDescriptors(expected);
  const names = await maps;
  return finding ?? findRing(names);
}

/** That every thread has one filter more. `Seccomp: 2` is true since stage 0 and proves nothing; the number of filters does. */
export function verifyFilter(sandboxee: ProcessView, filtersBefore: number): GateFinding | undefined {
  for (const tid of sandboxee.tasks()) {
    const status = ifThere(() => sandboxee.taskStatus(tid));
    if (status === undefined) continue;
    if (status.seccompMode !== 2 || status.seccompFilters !== filtersBefore + 1) {
      // The kernel gives no filter to a thread that exits, which has no use for one (seccomp_sync_threads).
      if (ifThere(() => sandboxee.taskIsExiting(tid)) !== false) continue;
      return {
        step: 'gate:filter',
        detail: `thread ${tid} has ${status.seccompFilters} filters where ${filtersBefore + 1} were expected`,
        hint: 'the late filter is not in force in every thread',
      };
    }
    if (status.noNewPrivs !== 1) {
      return { step: 'gate:no-new-privs', detail: `thread ${tid} may gain privileges by exec`, hint: '' };
    }
  }
  return undefined;
}

function findProcess({ launcher, sandboxee }: Expectation): GateFinding | undefined {
  const strangers = [...launcher.children(), ...sandboxee.children()].filter((pid) => pid !== sandboxee.pid);
  if (strangers.length === 0) return undefined;
  return {
    step: 'gate:helper-process',
    detail: `process ${strangers.join(', ')} was started before the gate and still runs`,
    hint: 'end and await every child process before sandboxMeHere()',
  };
}

function findDescriptors(expected: Expectation): GateFinding | undefined {
  const { sandboxee, sameFileTable } = expected;
  const tables: (number | undefined)[] = [undefined];
  for (const tid of sandboxee.tasks()) {
    if (tid !== sandboxee.pid && ifThere(() => sameFileTable?.(sandboxee.pid, tid)) !== true) tables.push(tid);
  }
  for (const tid of tables) {
    for (const descriptor of ifThere(() => sandboxee.descriptors(tid)) ?? []) {
      const finding = judge(descriptor, expected);
      if (finding) return finding;
    }
  }
  return undefined;
}

function judge(descriptor: OpenDescriptor, expected: Expectation): GateFinding | undefined {
  const { fd, target, pathOnly } = descriptor;
  if (target.startsWith('socket:')) {
    const inode = target.slice('socket:['.length, -1);
    if (fd === expected.comms && inode === String(expected.commsInode)) return undefined;
    if (expected.declared.has(fd)) return undefined;
    return found('gate:socket', fd, target, 'close it before the gate');
  }
  if (fd === expected.comms)
    return found('gate:comms', fd, target, 'its number is reserved for comms: do not close or replace it');
  if (target.startsWith('anon_inode:')) return judgeAnonymous(fd, target);
  if (expected.declared.has(fd) || target.startsWith('pipe:') || (HARMLESS_DEVICES.has(target) && !pathOnly))
    return undefined;
  if (!target.startsWith('/')) return found('gate:descriptor', fd, target, 'close it before the gate');
  return judgeFile(descriptor);
}

function judgeAnonymous(fd: number, target: string): GateFinding | undefined {
  const kind = target.slice('anon_inode:'.length);
  if (HARMLESS_ANONYMOUS.has(kind)) return undefined;
  if (kind === 'seccomp notify') {
    return found(
      'gate:listener',
      fd,
      target,
      'whoever holds the listener can answer its own syscalls: it must be closed',
    );
  }
  if (kind === '[io_uring]') return found('gate:io-uring', fd, target, 'operations on a ring bypass seccomp');
  return found('gate:descriptor', fd, target, 'close it before the gate');
}

function judgeFile({ fd, target, writable, directory, pathOnly }: OpenDescriptor): GateFinding | undefined {
  if (directory || pathOnly)
    return found('gate:directory', fd, target, 'close it before the gate: what lies beneath it could be opened');
  if (writable) return found('gate:writable-file', fd, target, 'close it before the gate');
  return undefined;
}

function found(step: string, fd: number, target: string, hint: string): GateFinding {
  return { step, detail: `fd ${fd} is still open: ${JSON.stringify(target)}`, hint };
}

function findRing(names: readonly string[]): GateFinding | undefined {
  if (!names.some((name) => name.includes('[io_uring]'))) return undefined;
  return { step: 'gate:io-uring', detail: 'an io_uring is mapped', hint: 'operations on a ring bypass seccomp' };
}
