import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMAND, type Ended } from './support.js';

export interface RunSettings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
}

/** `sallyport run ARG…`, to its end. */
export function run(args: readonly string[], { cwd, env, input }: RunSettings = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, 'run', ...args], {
    encoding: 'utf8',
    cwd: cwd ?? '/',
    input: input ?? '',
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

/** What a shell script writes to its stdout, under `run`. Fails where it ends with anything but 0. */
export function shell(script: string, options: readonly string[] = [], settings: RunSettings = {}): string {
  const ended = run([...options, '--', 'sh', '-c', script], settings);
  if (ended.status !== 0) throw new Error(`status ${ended.status}: ${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

/** A folder for one suite, in which also the sandboxee of a root broker, which has a uid of its own, may write. */
export function workshop(): () => string {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-run-'));
    chmodSync(folder, 0o777);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  return () => folder;
}

/** A test of what a real program does; where the program is not, it is skipped with the reason. */
export function withProgram(name: string, title: string, test: () => void): void {
  it(title, function () {
    const folders = ['/usr/bin', '/bin', '/usr/local/bin'];
    if (!folders.some((folder) => isExecutable(join(folder, name)))) {
      console.log(`      skipped: ${name} is not installed here`);
      this.skip();
    }
    test();
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
