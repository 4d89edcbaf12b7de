import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../native/locate.js';

export interface NodeBinary {
  readonly version: string;
  readonly execPath: string;
}

/** The one that runs this, and those that `npm run test:versions` has installed. */
export function nodeBinaries(): NodeBinary[] {
  const installed = join(packageRoot(), 'node_modules/.cache/node-versions/node_modules');
  const folders = existsSync(installed) ? readdirSync(installed).filter((name) => name.startsWith('node-')) : [];
  if (folders.length === 0)
    console.log('    no other Node is installed (npm run test:versions does): this one alone is tried');
  const others = folders.map((name) => join(installed, name, 'bin/node')).filter((path) => existsSync(path));
  return [
    { version: process.version.slice(1), execPath: process.execPath },
    ...others.map((execPath) => ({
      version: execFileSync(execPath, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim(),
      execPath,
    })),
  ];
}
