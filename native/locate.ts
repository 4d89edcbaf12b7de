import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where package.json, `dist` and `native` are. This file runs as dist/native/locate.js, or bundled, as a part of dist/cli/*.js. */
export function packageRoot(): string {
  return path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
}

export function addonPath(name: 'broker' | 'sandboxee'): string {
  return built(`${name}.node`);
}

/** The static program that builds the confinement. */
export function launcherPath(): string {
  return built('launcher');
}

function built(name: string): string {
  const file = path.join(packageRoot(), 'native', 'build', 'Release', name);
  if (!existsSync(file)) {
    throw new Error(`${file} does not exist: the native parts are not built. Run "npm run build" in ${packageRoot()}.`);
  }
  return file;
}
