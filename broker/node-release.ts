import { statSync } from 'node:fs';
import { promisify } from 'node:util';
import { OptionError } from './errors.js';

export interface NodeRelease {
  readonly major: number;
  readonly minor: number;
  readonly text: string;
}

const releases = new Map<string, Promise<NodeRelease>>();

/** The release of a Node binary: its own `--version`, asked once for each file that stands there. */
export function nodeRelease(execPath: string): Promise<NodeRelease> {
  if (execPath === process.execPath) return Promise.resolve(parseRelease(process.version, execPath));
  const { dev, ino, mtimeMs } = statSync(execPath);
  const key = `${dev}:${ino}:${mtimeMs}`;
  const known = releases.get(key);
  if (known) return known;
  const asked = ask(execPath);
  releases.set(key, asked);
  asked.catch(() => releases.delete(key));
  return asked;
}

async function ask(execPath: string): Promise<NodeRelease> {
  const { execFile } = await import('node:child_process');
  const { stdout } = await promisify(execFile)(execPath, ['--version'], { env: {}, timeout: 10_000 });
  return parseRelease(stdout.trim(), execPath);
}

function parseRelease(text: string, execPath: string): NodeRelease {
  const match = /^v(\d+)\.(\d+)\.\d+/.exec(text);
  const major = Number(match?.[1]);
  const minor = Number(match?.[2]);
  if (!match) throw new OptionError('node().execPath', `${execPath} does not answer --version as Node does`);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new OptionError('node().execPath', `${execPath} is ${text}; Sallyport needs Node 20.19 or newer`);
  }
  return { major, minor, text };
}
