import { realpath, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname } from 'node:path';
import type { FilesystemPolicy } from '../policy/filesystem.js';
import { PlanError } from './errors.js';
import { executableFiles } from './libraries.js';
import { MountCollector, resolveIfPresent } from './mount-collector.js';
import { isBeneath, type Mount } from './mounts.js';
import { ModuleFolders } from './node-modules.js';

const DEVICES = ['/dev/null', '/dev/zero', '/dev/random', '/dev/urandom'];

/** Folders that hold other things than one program; showing them whole would be a surprise. */
const SHARED_FOLDERS = ['/', '/etc', '/home', '/root', '/run', '/tmp', '/usr', '/usr/local', '/var', '/var/tmp'];
const KERNEL_FOLDERS = ['/dev', '/proc', '/sys'];

export interface VisibleInput {
  /** The Node binary. */
  readonly execPath: string;
  /** The script, whose folder is shown whole. */
  readonly script: string;
  readonly sallyport: {
    /** Its package root, from which its own dependencies resolve. */
    readonly root: string;
    /** What of it is shown. */
    readonly paths: readonly string[];
  };
  /** What the user grants besides. */
  readonly read: readonly string[];
  /** The ids of the sandboxee, where they are not the broker's. */
  readonly reader: Reader | undefined;
}

export interface Reader {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Exactly what a Node sandboxee must see, each at its own real place: Node and what it links, the script's folder without
 * secrets, the packages that can be resolved from there, sallyport itself, what the user grants, a few devices.
 *
 * @throws PlanError where something is missing, unreadable for the sandboxee, or far more than a program
 */
export async function nodeMounts(input: VisibleInput): Promise<Mount[]> {
  const mounts = new MountCollector();
  const modules = new ModuleFolders(mounts);
  await Promise.all([
    addExecutable(mounts, input.execPath),
    addScript(modules, input.script, input.reader),
    addSallyport(mounts, modules, input.sallyport),
    ...input.read.map((path) => addGranted(mounts, path)),
  ]);
  return withDevices(mounts);
}

/** What `sallyport run` shows of the host, and what it puts in its place. */
export interface ProgramView {
  /** Shown where the host has them. */
  readonly ifPresent: readonly string[];
  /** What may be written, as a policy would say it. */
  readonly files: FilesystemPolicy;
  /** Beside those that every program has. */
  readonly devices: readonly string[];
  readonly symlinks: readonly { readonly at: string; readonly text: string }[];
  /** Small files of its own, by path, for the ids that it has inside. */
  readonly texts: (ids: Reader) => Readonly<Record<string, string>>;
  /** The fd inside that is the terminal of its session. */
  readonly terminal: number | undefined;
}

/** What a program sees besides what its policy grants: what its executor names, and the devices. */
export async function programMounts(paths: readonly string[], ids: Reader, view?: ProgramView): Promise<Mount[]> {
  const mounts = new MountCollector();
  await Promise.all(paths.map((path) => addGranted(mounts, path)));
  if (view === undefined) return withDevices(mounts);
  await Promise.all(view.ifPresent.map((path) => mounts.addIfPresent(path)));
  for (const { at, text } of view.symlinks) mounts.put({ kind: 'symlink', source: text, target: at });
  for (const [target, text] of Object.entries(view.texts(ids))) mounts.put({ kind: 'text', source: text, target });
  for (const path of view.devices) mounts.put({ kind: 'device', source: path, target: path });
  return withDevices(mounts);
}

function withDevices(mounts: MountCollector): Mount[] {
  for (const path of DEVICES) mounts.put({ kind: 'device', source: path, target: path });
  return mounts.mounts();
}

async function addExecutable(mounts: MountCollector, path: string): Promise<void> {
  for (const file of await executableFiles(path)) mounts.addResolved(file);
}

async function addScript(modules: ModuleFolders, path: string, reader: Reader | undefined): Promise<void> {
  const script = (await resolveIfPresent(path))?.path;
  if (script === undefined) throw new PlanError(`${path}, the script of the sandboxee, does not exist any more`);
  const folder = dirname(script);
  await refuseShared(folder, script);
  if (reader !== undefined) {
    await requireReadable(folder, reader);
    await requireReadable(script, reader);
  }
  await modules.addFolder(folder);
}

async function addSallyport(
  mounts: MountCollector,
  modules: ModuleFolders,
  { root, paths }: VisibleInput['sallyport'],
): Promise<void> {
  await Promise.all([
    ...paths.map((path) => mounts.add(path)),
    realpath(root).then((real) => modules.addResolution(real)),
  ]);
}

async function refuseShared(folder: string, script: string): Promise<void> {
  const own = await Promise.all([homedir(), tmpdir()].map(resolveIfPresent));
  const isShared = SHARED_FOLDERS.includes(folder) || own.some((place) => place?.path === folder);
  const isKernels = KERNEL_FOLDERS.some((place) => isBeneath(folder, place));
  if (isShared || isKernels) {
    throw new PlanError(
      `${script} lies directly in ${folder}, and the sandboxee sees the folder of its script whole; move the script to a folder of its own`,
    );
  }
}

async function addGranted(mounts: MountCollector, path: string): Promise<void> {
  const granted = await resolveIfPresent(path);
  if (granted === undefined) throw new PlanError(`${path}, which the sandboxee was to read, does not exist`);
  if (granted.path === '/') throw new PlanError('/ cannot be granted whole; name the folders that the sandboxee needs');
  if (isBeneath(granted.path, '/proc'))
    throw new PlanError(`${path} shows the processes of the host; the sandboxee has a /proc of its own`);
  mounts.addResolved(granted);
}

/** By owner, group and mode alone: that is what decides unless there are ACLs. */
async function requireReadable(path: string, { uid, gid }: Reader): Promise<void> {
  const facts = await stat(path);
  const needed = facts.isDirectory() ? 0o5 : 0o4;
  const shift = facts.uid === uid ? 6 : facts.gid === gid ? 3 : 0;
  if (((facts.mode >> shift) & needed) === needed) return;
  const mode = (facts.mode & 0o7777).toString(8).padStart(4, '0');
  const mend = facts.isDirectory() ? 'chmod o+rx' : 'chmod o+r';
  throw new PlanError(
    `${path} has mode ${mode} and cannot be read by uid ${uid}, under which the sandboxee runs: ${mend} it, or run the broker as an ordinary user`,
  );
}
