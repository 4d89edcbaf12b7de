/** What of the host's files a sandboxee sees, as `visible.ts` works it out. Everything is read-only. */
export interface Mount {
  /**
   * - `directory`, `file`: shown with all that is in it
   * - `device`: a device file that can be used
   * - `symlink`: a link of that text, so that paths through it lead where they do on the host
   * - `mask`: what `target` names inside a tree that is shown, and must not be seen
   */
  readonly kind: 'directory' | 'file' | 'device' | 'symlink' | 'mask';
  /** A real path of the host; the text of a symlink; for a mask, the target again. */
  readonly source: string;
  readonly target: string;
}

/** A writable memory file system inside, empty at first. */
export interface TmpfsMount {
  readonly target: string;
  /** Bytes. */
  readonly size: number;
  /** Files and folders. */
  readonly inodes: number;
}

export function isBeneath(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}

/** Compares paths so that a folder comes directly before what is in it. */
export function comparePaths(a: string, b: string): number {
  const left = a.replaceAll('/', '\0');
  const right = b.replaceAll('/', '\0');
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
