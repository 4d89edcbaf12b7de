import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launcherPath } from '../../native/locate.js';

const SOURCES = fileURLToPath(new URL('../../../test/launcher/native/', import.meta.url));
const LAUNCHER_SOURCES = fileURLToPath(new URL('../../../native/launcher/', import.meta.url));

/** A world-readable folder with the launcher and the programs that the tests run in it; an ordinary user may use them too. */
export interface World {
  readonly folder: string;
  readonly launcher: string;
  readonly probe: string;
  readonly asUser: string;
}

let world: World | undefined;

/** Made once, and removed when the process ends. `SALLYPORT_TEST_LAUNCHER` names another launcher, e.g. a sanitized one. */
export function theWorld(): World {
  world ??= makeWorld();
  return world;
}

/** For a helper process: it uses the folder of the one that started it, and leaves it there. */
export function borrowWorld(folder: string): void {
  world = worldIn(folder);
}

function worldIn(folder: string): World {
  return { folder, launcher: join(folder, 'launcher'), probe: join(folder, 'probe'), asUser: join(folder, 'as-user') };
}

function makeWorld(): World {
  const folder = mkdtempSync('/tmp/sallyport-launcher-');
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const made = worldIn(folder);
  copyFileSync(process.env.SALLYPORT_TEST_LAUNCHER ?? launcherPath(), made.launcher);
  chmodSync(made.launcher, 0o755);
  compile('probe.c', made.probe);
  compile('as-user.c', made.asUser);
  return made;
}

function compile(source: string, program: string): void {
  execFileSync('cc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', join(SOURCES, source), '-o', program]);
}

/** The launcher's decoder with a main of its own, under AddressSanitizer and UndefinedBehaviorSanitizer. */
export function compilePlanCheck(): string {
  const program = join(theWorld().folder, 'plan-check');
  const flags = [
    '-g',
    '-O1',
    '-fsanitize=address,undefined',
    '-fno-sanitize-recover=all',
    '-Wall',
    '-Wextra',
    '-Werror',
  ];
  execFileSync('cc', [...flags, join(SOURCES, 'plan-check.c'), join(LAUNCHER_SOURCES, 'plan.c'), '-o', program]);
  return program;
}

/** A folder of its own in the world, e.g. to be shown inside. */
export function makeFolder(name: string): string {
  const folder = join(theWorld().folder, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
