import { constants } from 'node:fs';
import { type FdFacts, shared } from '../native/shared.js';
import { errorCode } from './error-code.js';

export type FdKind = 'file' | 'directory' | 'pipe' | 'socket' | 'character-device' | 'memory' | 'other';

/** `path`: opened with O_PATH. It can be neither read nor written, and yet leads to whatever lies below it. */
export type FdAccess = 'read' | 'write' | 'read-write' | 'path';

/**
 * The calls on bare descriptors. The broker's `close` for what a sandboxee sent goes to the reaper thread, since closing a
 * lingering socket can block for seconds; everybody else's is close(2).
 */
export interface FdOperations {
  describe(fd: number): FdFacts;
  /** A new number for the same open file, close-on-exec. */
  duplicate(fd: number): number;
  /** By way of `closeEventually`: the reaper may refuse for a while. */
  close(fd: number): void;
}

/** The addon is looked for at the first call, not at import. */
export const nativeFds: FdOperations = {
  describe: (fd) => shared().describe(fd),
  duplicate: (fd) => shared().duplicate(fd),
  close: (fd) => shared().close(fd),
};

// fs.constants has no O_PATH. The value is the same on x86-64 and arm64 (asm-generic).
export const O_PATH = 0o10000000;

export function kindOf(facts: FdFacts): FdKind {
  switch (facts.mode & constants.S_IFMT) {
    case constants.S_IFREG:
      // Only tmpfs and memfds know seals; of the two, a memfd has no name and so no link.
      return facts.seals >= 0 && facts.nlink === 0 ? 'memory' : 'file';
    case constants.S_IFDIR:
      return 'directory';
    case constants.S_IFIFO:
      return 'pipe';
    case constants.S_IFSOCK:
      return 'socket';
    case constants.S_IFCHR:
      return 'character-device';
    default:
      return 'other';
  }
}

export function accessOf(facts: FdFacts): FdAccess {
  if ((facts.flags & O_PATH) !== 0) return 'path';
  const mode = facts.flags & (constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR);
  if (mode === constants.O_RDWR) return 'read-write';
  return mode === constants.O_WRONLY ? 'write' : 'read';
}

/** Milliseconds. */
const REAPER_RETRY = 10;

/**
 * Closes now, or as soon as the reaper takes it: it refuses (EAGAIN) while its queue is full. What waits meanwhile is bounded
 * by this process's limit of open files.
 */
export function closeEventually(fds: FdOperations, fd: number): void {
  try {
    fds.close(fd);
  } catch (error) {
    if (errorCode(error) !== 'EAGAIN') throw error;
    setTimeout(() => closeEventually(fds, fd), REAPER_RETRY);
  }
}
