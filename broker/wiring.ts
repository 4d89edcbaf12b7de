import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import * as native from '../native/broker.js';
import { launcherPath } from '../native/locate.js';
import { Seal } from '../native/shared.js';
import { Fd } from '../protocols/fd.js';
import type { SandboxeeGroup } from './cgroup/group.js';
import { type DeclaredFd, extraFds, type FdLayout, type PlacedFd } from './declared-fds.js';
import { Held } from './held.js';
import type { Tier } from './layers.js';
import { LaunchedProcess } from './process/launched.js';

/** The broker's ends of everything that it has in common with one sandboxee. Each is owned by who takes it. */
export interface Wiring {
  readonly process: LaunchedProcess;
  readonly comms: number;
  /** Of the sandboxee's end, by which verification recognises it. */
  readonly commsInode: bigint;
  /** What is read of its output; undefined where the executor declared something else there. */
  readonly stdout: number | undefined;
  readonly stderr: number | undefined;
  /** The broker's ends of declared pipes and sockets, by name. */
  readonly fds: ReadonlyMap<string, Fd>;
}

const NOTHING_CHANGES = Seal.Seal | Seal.Shrink | Seal.Grow | Seal.Write;

/**
 * Makes sockets and pipes, starts the launcher with the other ends and the plan, and closes those here.
 *
 * @param file what is executed where it is an fd; the last of those declared. Moved.
 * @param group whose groups the launcher joins
 */
export function wire(
  plan: Uint8Array,
  layout: FdLayout,
  file: Fd | undefined,
  tier: Tier,
  group: SandboxeeGroup | undefined,
): Wiring {
  using theirs = new Held();
  const ours = new Held();
  try {
    const ends = new Ends(ours, theirs);
    const comms = ends.pair(native.socketpair());
    const fds = new Map<string, Fd>();
    const byNumber = new Map(layout.placed.map((placed) => [placed.number, ends.declared(placed, fds)]));
    const stdin = byNumber.get(0) ?? ends.give(openSync('/dev/null', 'r'));
    const stdout = byNumber.has(1) ? undefined : ends.pair(native.pipe());
    const stderr = byNumber.has(2) ? undefined : ends.pair(native.pipe());
    const commsInode = fstatSync(comms.theirs, { bigint: true }).ino;
    const others = {
      stdin,
      stdout: stdout?.theirs ?? byNumber.get(1) ?? stdin,
      stderr: stderr?.theirs ?? byNumber.get(2) ?? stdin,
      comms: comms.theirs,
      plan: ends.give(memoryOf(plan)),
      declared: [
        ...extraFds(layout).map(({ number }) => byNumber.get(number) ?? stdin),
        ...(file === undefined ? [] : [ends.give(file.release())]),
      ],
      cgroups: group?.openMembers().map((fd) => ends.give(fd)) ?? [],
      birthplace: group && ends.giveIfAny(group.openBirthplace()),
    };
    // Last, since its broker's end is the process's to close from the call on, also where that throws.
    const [ourLife, life] = native.socketpair();
    const process = new LaunchedProcess(launcherPath(), { ...others, life: ends.give(life) }, ourLife, tier, group);
    return { process, comms: comms.mine, commsInode, stdout: stdout?.mine, stderr: stderr?.mine, fds };
  } catch (error) {
    ours[Symbol.dispose]();
    throw error;
  }
}

interface Pair {
  readonly mine: number;
  readonly theirs: number;
}

class Ends {
  readonly #ours: Held;
  readonly #theirs: Held;

  constructor(ours: Held, theirs: Held) {
    this.#ours = ours;
    this.#theirs = theirs;
  }

  pair([mine, theirs]: readonly [number, number]): Pair {
    this.#ours.defer(() => closeSync(mine));
    return { mine, theirs: this.give(theirs) };
  }

  /** Closed here once the launcher has it. */
  give(fd: number): number {
    this.#theirs.defer(() => closeSync(fd));
    return fd;
  }

  giveIfAny(fd: number | undefined): number | undefined {
    return fd === undefined ? undefined : this.give(fd);
  }

  /** The sandboxee's end; the broker's, where there is one, goes into `fds`. */
  declared({ name, number, source }: PlacedFd, fds: Map<string, Fd>): number {
    if (source instanceof Fd) return this.give(source.release());
    const [mine, theirs] = madeFor(source, number);
    const other = this.give(theirs);
    const own = Fd.adopt(mine);
    this.#ours.add(own);
    fds.set(name, own);
    return other;
  }
}

/** The sandboxee writes to a pipe, and reads its stdin. */
function madeFor(source: Exclude<DeclaredFd, Fd>, number: number): readonly [mine: number, theirs: number] {
  if (source === 'socket') return native.socketpair();
  const [read, write] = native.pipe();
  return number === 0 ? [write, read] : [read, write];
}

function memoryOf(plan: Uint8Array): number {
  const fd = native.createMemory('sallyport-plan', plan.length, { executable: false });
  writeSync(fd, plan, 0, plan.length, 0);
  native.seal(fd, NOTHING_CHANGES);
  return fd;
}
