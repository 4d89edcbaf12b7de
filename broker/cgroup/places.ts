import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '../../protocols/error-code.js';
import { type Controller, settingsOf, type Version } from './controllers.js';
import { applySetting, readGroupFile, removeGroup, writeGroupFile } from './files.js';
import { type Hierarchy, parseHierarchies } from './hierarchies.js';
import { FOLDER, newGroupName } from './names.js';

/** A folder in which groups can be made. */
export interface Place {
  readonly version: Version;
  readonly folder: string;
}

/** Where a controller can be used, or why it cannot. */
export type Finding =
  | {
      readonly state: 'on';
      readonly place: Place;
      /** Optional files of the limit that the kernel does not have. */
      readonly missing: readonly string[];
    }
  | { readonly state: 'off'; readonly reason: string };

export type Findings = Readonly<Record<Controller, Finding>> & {
  /** A tree of version 2, whose groups can be killed at one stroke, whatever it controls. */
  readonly kill: Finding;
};

/** Any that the kernel takes: bytes, processes, CPUs. */
const TRIALS: Readonly<Record<Controller, number>> = { memory: 64 * 1024 * 1024, pids: 100, cpu: 0.5 };

let known: Findings | undefined;

/** What can be controlled on this host by this user, found once by trying. */
export function cgroupFindings(): Findings {
  known ??= findAll(hierarchies());
  return known;
}

export function hierarchies(): Hierarchy[] {
  return parseHierarchies(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'));
}

/** The groups in which the folder can be: of version 2 also the one above, since a group with processes controls no children. */
export function basesOf({ version, own, top }: Hierarchy): readonly string[] {
  return version === 1 || own === top ? [own] : [own, dirname(own)];
}

/** Each is tried when it is first asked for: a trial takes the kernel half a millisecond. */
function findAll(all: readonly Hierarchy[]): Findings {
  const unified = all.find(({ version }) => version === 2);
  const bases = unified ? basesOf(unified) : [];
  const kills = once(() => bases.map((base) => tryKill(base)));
  const find = (controller: Controller): Finding => {
    const legacy = all.find(({ version, controllers }) => version === 1 && controllers.includes(controller));
    if (legacy) return tryLegacy(legacy.own, controller);
    return best(kills().map((kill, index) => tryUnified(bases[index] ?? '', unified?.own ?? '', controller, kill)));
  };
  const [memory, pids, cpu] = [once(() => find('memory')), once(() => find('pids')), once(() => find('cpu'))];
  return {
    get memory() {
      return memory();
    },
    get pids() {
      return pids();
    },
    get cpu() {
      return cpu();
    },
    get kill() {
      return best(kills());
    },
  };
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** The first that works, or else what was found last: the group above, which is the one to delegate. */
function best(findings: readonly Finding[]): Finding {
  const none: Finding = { state: 'off', reason: 'no tree of control groups that has it is mounted' };
  return findings.find(({ state }) => state === 'on') ?? findings.at(-1) ?? none;
}

function tryLegacy(base: string, controller: Controller): Finding {
  return attempt(base, 1, (group) => tryLimit(group, controller, 1));
}

function tryKill(base: string): Finding {
  return attempt(base, 2, (group) => {
    accessSync(join(base, 'cgroup.procs'), constants.W_OK);
    readGroupFile(group, 'cgroup.events');
    accessSync(join(group, 'cgroup.kill'), constants.W_OK);
    return [];
  });
}

/** @param kill where nothing can be killed, nothing can be controlled */
function tryUnified(base: string, own: string, controller: Controller, kill: Finding): Finding {
  if (kill.state === 'off') return kill;
  const trial = (group: string): string[] => {
    const missing = tryLimit(group, controller, 2);
    const type = readGroupFile(group, 'cgroup.type').trim();
    if (type !== 'domain') throw new Error(`a group in ${base} is '${type}', and no process can be moved into it`);
    return missing;
  };
  return attempt(base, 2, trial, () => enable(base, own, controller));
}

/** Makes a group, tries something in it, which returns what is missing for it, and removes the group. */
function attempt(base: string, version: Version, trial: (group: string) => string[], first?: () => void): Finding {
  const folder = join(base, FOLDER);
  const group = join(folder, newGroupName());
  try {
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
    first?.();
    mkdirSync(group);
    try {
      return { state: 'on', place: { version, folder }, missing: trial(group) };
    } finally {
      removeGroup(group);
    }
  } catch (error) {
    return { state: 'off', reason: reasonOf(base, error) };
  }
}

/** Returns the optional files that are not there. */
function tryLimit(group: string, controller: Controller, version: Version): string[] {
  return settingsOf(controller, version, TRIALS[controller])
    .filter((setting) => !applySetting(group, setting))
    .map(({ file }) => file);
}

/** Hands a controller on from the base to the folder, and from there to the groups in it. */
function enable(base: string, own: string, controller: Controller): void {
  const available = readGroupFile(base, 'cgroup.controllers').split(/\s/);
  if (!available.includes(controller)) {
    throw new Error(`${base} was not given the controller '${controller}'`);
  }
  for (const group of [base, join(base, FOLDER)]) {
    if (readGroupFile(group, 'cgroup.subtree_control').split(/\s/).includes(controller)) continue;
    if (group === base && !isOurs(base, own)) {
      throw new Error(`'${controller}' is not in ${join(base, 'cgroup.subtree_control')}, where its owner may put it`);
    }
    writeGroupFile(group, 'cgroup.subtree_control', `+${controller}`);
  }
}

/** Whose settings are ours to change: the root of all, what an ordinary user was given, and what has no groups but ours. */
function isOurs(base: string, own: string): boolean {
  if (!existsSync(join(base, 'cgroup.type'))) return true;
  const uid = process.geteuid?.() ?? -1;
  if (uid !== 0) return statSync(base).uid === uid;
  const groups = readdirSync(base, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return base !== own && groups.every(({ name }) => name === FOLDER || name === basename(own));
}

function reasonOf(base: string, error: unknown): string {
  const code = errorCode(error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return `${base} is not delegated to the broker (${code})`;
  }
  return error instanceof Error ? error.message : String(error);
}
