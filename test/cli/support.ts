import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** As it is installed: `run` is bundled. */
export const COMMAND = fileURLToPath(new URL('../../cli/index.js', import.meta.url));
/** The modules of which it is made. */
export const MODULES = fileURLToPath(new URL('../../broker/cli/', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `sallyport ARG…`, to its end. */
export function sallyport(...args: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** A folder for the documents of one suite; `file()` writes one, and is its path. */
export function documents(): { file(text: string, name?: string): string } {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  return {
    file(text, name = 'policy.json') {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
  };
}
