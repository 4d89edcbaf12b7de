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

function makeWorld(): World {
  const folder = mkdtempSync('/tmp/sallyport-launcher-');
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const launcher = join(folder, 'launcher');
  copyFileSync(process.env.SALLYPORT_TEST_LAUNCHER ?? launcherPath(), launcher);
  chmodSync(launcher, 0o755);
  return { folder, launcher, probe: compile(folder, 'probe'), asUser: compile(folder, 'as-user') };
}

function compile(folder: string, name: string): string {
  const program = join(folder, name);
  execFileSync('cc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', join(SOURCES, `${name}.c`), '-o', program]);
  return program;
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
