import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { PlanError } from './errors.js';
import { findHidden } from './hidden.js';
import { isAbsent, type MountCollector, resolveIfPresent } from './mount-collector.js';
import { isBeneath } from './mounts.js';

/** Folders of packages that symlinks lead to, all together. */
const MOST_FOLDERS = 2000;

/**
 * Shows folders together with all that programs in them can resolve: the `node_modules` of every folder above, and
 * the real places of the packages that are symlinked there (npm link, workspaces, pnpm), which resolve in their turn.
 */
export class ModuleFolders {
  readonly #mounts: MountCollector;
  readonly #seenFolders = new Set<string>();
  readonly #seenModules = new Set<string>();
  readonly #combed = new Set<string>();

  constructor(mounts: MountCollector) {
    this.#mounts = mounts;
  }

  /** @param folder a real path, of which `.env*` and `.git` stay hidden */
  async addFolder(folder: string): Promise<void> {
    this.#mounts.put({ kind: 'directory', source: folder, target: folder });
    await Promise.all([this.#hideSecrets(folder), this.addResolution(folder)]);
  }

  /** Shows what can be resolved from a folder, but not the folder. */
  async addResolution(folder: string): Promise<void> {
    const isNew = !this.#seenFolders.has(folder);
    this.#seenFolders.add(folder);
    if (!isNew) return;
    if (this.#seenFolders.size > MOST_FOLDERS) {
      throw new PlanError(
        `the node_modules above ${folder} are linked to more than ${MOST_FOLDERS} packages elsewhere; copy what the program needs to a folder of its own`,
      );
    }
    const places = ancestors(folder).map((above) => this.#addModules(join(above, 'node_modules')));
    const [linked] = await Promise.all([Promise.all(places), this.#addPackageJson(folder)]);
    for (const next of linked.flat()) await this.addResolution(next);
  }

  /** The nearest one decides how Node reads the modules, and what `imports` and self-references mean. */
  async #addPackageJson(folder: string): Promise<void> {
    for (const above of ancestors(folder)) {
      if ((await this.#mounts.addIfPresent(join(above, 'package.json'))) !== undefined) return;
    }
  }

  /** Shows one `node_modules`; returns the folders of linked packages outside, and its own where it is itself a link. */
  async #addModules(path: string): Promise<string[]> {
    if (this.#seenModules.has(path)) return [];
    this.#seenModules.add(path);
    const modules = await this.#mounts.addIfPresent(path);
    if (modules === undefined || !modules.isDirectory) return [];
    const links = await linkedEntries(modules.path);
    const linked = await Promise.all(links.map((link) => this.#addLinked(link, modules.path)));
    const own = modules.path === path ? [] : [modules.path];
    return [...own, ...linked.filter((folder) => folder !== undefined)];
  }

  /** Shows the package that a link of a `node_modules` leads to; returns its folder where that lies elsewhere. */
  async #addLinked(link: string, modules: string): Promise<string | undefined> {
    const target = await resolveIfPresent(link);
    if (target === undefined || isBeneath(target.path, modules)) return undefined;
    this.#mounts.addResolved(target);
    if (!target.isDirectory) return undefined;
    if (!target.path.includes('/node_modules/')) await this.#hideSecrets(target.path);
    return target.path;
  }

  async #hideSecrets(folder: string): Promise<void> {
    if (this.#combed.has(folder)) return;
    this.#combed.add(folder);
    for (const path of await findHidden(folder)) this.#mounts.put({ kind: 'mask', source: path, target: path });
  }
}

/** The folder itself and those above; Node looks for no `node_modules` inside a `node_modules`. */
function ancestors(folder: string): string[] {
  const found: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    if (basename(at) !== 'node_modules') found.push(at);
    if (at === '/') return found;
  }
}

/** The symlinks in a `node_modules` and in its scopes. */
async function linkedEntries(modules: string): Promise<string[]> {
  const entries = await entriesOf(modules);
  const scopes = entries.filter((entry) => entry.isDirectory() && entry.name.startsWith('@'));
  const scoped = await Promise.all(scopes.map(({ name }) => entriesOf(join(modules, name))));
  return [...entries, ...scoped.flat()]
    .filter((entry) => entry.isSymbolicLink())
    .map(({ parentPath, name }) => join(parentPath, name));
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
