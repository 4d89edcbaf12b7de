/** The tier base: what mounts would have shown, as Landlock rules on the host's own tree. */
import type { BaseFile } from './base-files.js';
import { ABSTRACT_SOCKETS_AND_SIGNALS, FS, handledFs, TCP_BIND_AND_CONNECT } from './landlock.js';
import type { Landlock } from './steps.js';

const READ_FILE = FS.execute | FS.readFile;
const RIGHTS: Readonly<Record<BaseFile['kind'], bigint>> = {
  directory: READ_FILE | FS.readDir,
  file: READ_FILE,
  device: FS.readFile,
  sink: FS.readFile | FS.writeFile,
};
/** Of a folder that may be written: no device nodes and no unix sockets, which the host could use. */
const WRITABLE_FOLDER =
  FS.writeFile |
  FS.removeDir |
  FS.removeFile |
  FS.makeDir |
  FS.makeReg |
  FS.makeFifo |
  FS.makeSym |
  FS.refer |
  FS.truncate;
const WRITABLE_FILE = FS.writeFile | FS.truncate;

/**
 * Nothing of the host but these files, no TCP port, and from ABI 6 on no abstract socket and no signal outside. What the ABI
 * does not know is withheld by the filter (`policy/unmediated.ts`).
 *
 * @param abi as the kernel reports it, at least 1
 * @param writeExecutable what may be written may be executed, too
 * @param executed a kept fd that is executed, and whose file may be none of these
 */
export function landlockBase(
  abi: number,
  files: readonly BaseFile[],
  executed: number | undefined,
  writeExecutable = false,
): Landlock {
  const fs = handledFs(abi);
  return {
    op: 'landlock',
    fs,
    net: abi >= 4 ? TCP_BIND_AND_CONNECT : 0n,
    scoped: abi >= 6 ? ABSTRACT_SOCKETS_AND_SIGNALS : 0n,
    paths: files.map(({ path }) => path),
    rights: files.map((file) => rightsOf(file, writeExecutable) & fs),
    file: executed ?? -1,
    fileRights: executed === undefined ? 0n : READ_FILE,
  };
}

function rightsOf({ kind, writable }: BaseFile, writeExecutable: boolean): bigint {
  if (!writable) return RIGHTS[kind];
  const run = writeExecutable ? RIGHTS[kind] : RIGHTS[kind] & ~FS.execute;
  return run | (kind === 'directory' ? WRITABLE_FOLDER : WRITABLE_FILE);
}
