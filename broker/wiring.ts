import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import * as native from '../native/broker.js';
import { launcherPath } from '../native/locate.js';
import { Seal } from '../native/shared.js';
import { LaunchedProcess } from './process/launched.js';

/** The broker's ends of everything that it has in common with one sandboxee. Each is owned by who takes it. */
export interface Wiring {
  readonly process: LaunchedProcess;
  readonly comms: number;
  /** Of the sandboxee's end, by which verification recognises it. */
  readonly commsInode: bigint;
  readonly stdout: number;
  readonly stderr: number;
}

const NOTHING_CHANGES = Seal.Seal | Seal.Shrink | Seal.Grow | Seal.Write;

/** Makes sockets and pipes, starts the launcher with the other ends and the plan, and closes those here. */
export function wire(plan: Uint8Array): Wiring {
  const forLauncher: number[] = [];
  const own: number[] = [];
  const pair = ([mine, theirs]: readonly [number, number]): { mine: number; theirs: number } => {
    own.push(mine);
    forLauncher.push(theirs);
    return { mine, theirs };
  };
  try {
    const comms = pair(native.socketpair());
    const life = pair(native.socketpair());
    const stdout = pair(native.pipe());
    const stderr = pair(native.pipe());
    const stdin = openSync('/dev/null', 'r');
    forLauncher.push(stdin);
    const planMemory = memoryOf(plan);
    forLauncher.push(planMemory);
    const commsInode = fstatSync(comms.theirs, { bigint: true }).ino;
    const ends = {
      stdin,
      stdout: stdout.theirs,
      stderr: stderr.theirs,
      comms: comms.theirs,
      life: life.theirs,
      plan: planMemory,
    };
    own.splice(own.indexOf(life.mine), 1);
    const process = new LaunchedProcess(launcherPath(), ends, life.mine);
    return { process, comms: comms.mine, commsInode, stdout: stdout.mine, stderr: stderr.mine };
  } catch (error) {
    for (const fd of own) closeSync(fd);
    throw error;
  } finally {
    for (const fd of forLauncher) closeSync(fd);
  }
}

function memoryOf(plan: Uint8Array): number {
  const fd = native.createMemory('sallyport-plan', plan.length, { executable: false });
  writeSync(fd, plan, 0, plan.length, 0);
  native.seal(fd, NOTHING_CHANGES);
  return fd;
}
