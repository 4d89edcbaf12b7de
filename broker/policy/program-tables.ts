/**
 * What programs need that are filtered from their first instruction, as measured on binaries of glibc and gcc, and why: to
 * start, to compute, to use the fds that they were given, and to speak to the broker.
 */
import { allow, type Rule } from './bpf/dsl.js';
import { ABORT, PATHS, type Row } from './preset-tables.js';
import * as rules from './rules.js';
import type { SyscallName } from './syscalls/index.js';
import { DYNAMIC_STARTUP, type Part, STATIC_STARTUP, WORDS } from './words.js';

function words(parts: readonly Part[], why: string): Row[] {
  return parts.map((part) => ({ ...part, why }));
}

function row(syscalls: readonly SyscallName[], why: string, rule: Rule = allow()): Row {
  return { syscalls, rule, why };
}

const COMPUTE: readonly Row[] = [
  ...words(WORDS.allowExit, 'exit'),
  row(['read', 'readv', 'pread64', 'write', 'writev', 'pwrite64', 'lseek'], 'the fds that it was given'),
  row(['close', 'fstat'], 'the same; stdio asks what they are'),
  ...words(WORDS.allowSystemMalloc, 'malloc'),
  row(['mmap'], 'shared buffers of the broker', rules.mapShared),
  ...words(WORDS.allowHandleSignals, 'its own signals; abort() blocks and resets them'),
  ...words(WORDS.allowTime, 'where the vDSO cannot answer'),
  ...words(WORDS.allowSleep, 'it waits'),
  ...words(WORDS.allowPoll, 'it waits for fds'),
  ...words(WORDS.allowGetPIDs, 'abort() asks who it is'),
  ...words(WORDS.allowGetIDs, 'start-up of C++ and of allocators'),
  ...words(WORDS.allowTCGETS, 'stdio asks whether it writes to a terminal'),
  ...words(WORDS.allowComms, 'the broker'),
  ...ABORT,
];

/** Everything in one file. No path is resolved, and no memory becomes executable. */
export const STATIC: readonly Row[] = [
  ...words(STATIC_STARTUP, 'what the C library does before main'),
  ...COMPUTE,
  ...PATHS,
];

/** With shared libraries: paths are resolved by the kernel, among the files that the policy shows. */
export const DYNAMIC: readonly Row[] = [
  ...words(DYNAMIC_STARTUP, 'what the loader and the C library do before main'),
  ...COMPUTE,
];
