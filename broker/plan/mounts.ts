export { comparePaths, isBeneath } from '../paths.js';

/** What of the host's files a sandboxee sees. */
export type Mount = ShownMount | GrantedMount;

/** As `visible.ts` works it out, and read-only. */
export interface ShownMount {
  /**
   * - `directory`, `file`: shown with all that is in it
   * - `device`: a device file that can be used
   * - `symlink`: a link of that text, so that paths through it lead where they do on the host
   * - `text`: a small file of the sandboxee's own, of that text
   * - `mask`: what `target` names inside a tree that is shown, and must not be seen
   */
  readonly kind: 'directory' | 'file' | 'device' | 'symlink' | 'text' | 'mask';
  /** A real path of the host; the text of a symlink or file; for a mask, the target again. */
  readonly source: string;
  readonly target: string;
}

/** What a policy grants (`granted.ts`). */
export interface GrantedMount {
  readonly kind: 'granted-directory' | 'granted-file';
  /** A real path of the host. */
  readonly source: string;
  readonly target: string;
  readonly access: 'read' | 'write';
  /** What was there when it was judged. The launcher refuses anything else. */
  readonly identity: { readonly device: bigint; readonly inode: bigint };
}

/** A writable memory file system inside, empty at first. */
export interface TmpfsMount {
  readonly target: string;
  /** Bytes. */
  readonly size: number;
  /** Files and folders. */
  readonly inodes: number;
}
