import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type LaunchOptions, PlanError, type PolicyBuilder, policies, type Sandboxee } from '../../broker/index.js';
import { launchPuppet, perform } from '../support/puppet.js';

/** Every path call that can be allowed, so that it is mounts and Landlock that answer. */
export const paths: PolicyBuilder = policies
  .node()
  .allowOpen()
  .allowStat()
  .allowAccess()
  .allowReadlink()
  .allowReaddir()
  .allowLink()
  .allowSymlink()
  .allowMkdir()
  .allowUnlink()
  .allowRename()
  .allowChmod()
  .allowSyscalls('truncate', 'ftruncate');

/** A folder of the host that everybody may write to, so that permissions are not what stops a sandboxee. */
export class HostFolder {
  readonly path: string;

  constructor() {
    this.path = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-confinement-')));
    chmodSync(this.path, 0o777);
  }

  /** Makes a file, and the folders that it is in. */
  file(name: string, content = 'of the host'): string {
    const path = join(this.path, name);
    this.folder(dirname(name));
    writeFileSync(path, content);
    chmodSync(path, 0o666);
    return path;
  }

  folder(name: string): string {
    const path = join(this.path, name);
    let at = this.path;
    for (const part of name.split('/').filter((each) => each !== '.')) {
      at = join(at, part);
      mkdirSync(at, { recursive: true });
      chmodSync(at, 0o777);
    }
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export function launchWith(builder: PolicyBuilder, options: Partial<LaunchOptions> = {}): Promise<Sandboxee> {
  return launchPuppet({ policy: builder.build(), ...options });
}

/** Why a launch under the policy fails before anything is started. */
export async function refusalOf(builder: PolicyBuilder): Promise<string> {
  try {
    await using _ = await launchWith(builder);
  } catch (error) {
    if (error instanceof PlanError) return error.message;
    throw error;
  }
  throw new Error('it was launched');
}

/** One thing that a sandboxee tries with paths. */
export type Attempt =
  | readonly [what: 'read' | 'list' | 'remove' | 'rmdir' | 'mkdir' | 'stat' | 'truncate' | 'link of', path: string]
  | readonly [what: 'write', path: string, bytes: number]
  | readonly [what: 'rename' | 'link' | 'symlink', from: string, to: string]
  | readonly [what: 'chmod', path: string, mode: number];

/** What comes of each: text, a list, 'done', or the code of an error. */
export function attempt(sandboxee: Sandboxee, ...attempts: readonly Attempt[]): Promise<(string | string[])[]> {
  return perform(
    sandboxee,
    ({ modules: { fs } }, list: readonly Attempt[]) =>
      list.map(([what, path, other]): string | string[] => {
        try {
          switch (what) {
            case 'read':
              return fs.readFileSync(path, 'utf8');
            case 'list':
              return fs.readdirSync(path).sort();
            case 'stat':
              return fs.statSync(path).isDirectory() ? 'directory' : 'file';
            case 'link of':
              return fs.readlinkSync(path);
            case 'write':
              fs.writeFileSync(path, Buffer.alloc(Number(other), 'x'));
              break;
            case 'truncate':
              fs.truncateSync(path);
              break;
            case 'remove':
              fs.unlinkSync(path);
              break;
            case 'rmdir':
              fs.rmdirSync(path);
              break;
            case 'mkdir':
              fs.mkdirSync(path);
              break;
            case 'rename':
              fs.renameSync(path, String(other));
              break;
            case 'link':
              fs.linkSync(path, String(other));
              break;
            case 'symlink':
              fs.symlinkSync(path, String(other));
              break;
            case 'chmod':
              fs.chmodSync(path, Number(other));
              break;
          }
          return 'done';
        } catch (error) {
          return error instanceof Error && 'code' in error ? String(error.code) : String(error);
        }
      }),
    attempts,
  );
}
